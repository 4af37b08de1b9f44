package deploy

import (
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// TestAccount: the plugin's account has the rights that the policy limits, and the
// policy means that account and the annotations that the plugin writes. What the
// API server makes of it is seen by make e2e.
func TestAccount(t *testing.T) {
	var account corev1.ServiceAccount
	var role rbacv1.ClusterRole
	var binding rbacv1.ClusterRoleBinding
	var policy admissionv1.ValidatingAdmissionPolicy
	var bound admissionv1.ValidatingAdmissionPolicyBinding
	documents := strings.Split(read(t, "kubernetes/userspace.yaml"), "\n---\n")
	into := []any{&account, &role, &binding, &policy, &bound}
	if len(documents) != len(into) {
		t.Fatalf("%d documents, want %d", len(documents), len(into))
	}
	for i, document := range documents {
		if err := yaml.UnmarshalStrict([]byte(document), into[i]); err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
	}
	if len(role.Rules) != 1 || !slices.Equal(role.Rules[0].Resources, []string{"pods"}) || !slices.Equal(role.Rules[0].Verbs, []string{"get", "patch"}) {
		t.Errorf("rights %v", role.Rules)
	}
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: account.Name, Namespace: account.Namespace}
	if len(binding.Subjects) != 1 || binding.Subjects[0] != subject || binding.RoleRef.Name != role.Name {
		t.Errorf("%v is bound to %v", binding.RoleRef, binding.Subjects)
	}
	user := "'system:serviceaccount:" + account.Namespace + ":" + account.Name + "'"
	if len(policy.Spec.MatchConditions) != 1 || !strings.HasSuffix(policy.Spec.MatchConditions[0].Expression, " == "+user) {
		t.Errorf("the policy is for %v, want %s", policy.Spec.MatchConditions, user)
	}
	ours := "['" + contract.AnnotationData + "', '" + contract.AnnotationMappedDir + "']"
	if len(policy.Spec.Variables) == 0 || policy.Spec.Variables[0].Expression != ours {
		t.Errorf("the policy is about %v, want %s", policy.Spec.Variables, ours)
	}
	if *policy.Spec.FailurePolicy != admissionv1.Fail || bound.Spec.PolicyName != policy.Name ||
		!slices.Equal(bound.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) {
		t.Errorf("failure %v, bound %v", policy.Spec.FailurePolicy, bound.Spec)
	}
}
