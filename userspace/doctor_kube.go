package userspace

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/kube"
)

// multusKubeconfig is what networks mostly name: Multus makes it.
const multusKubeconfig = netDir + "/multus.d/multus.kubeconfig"

// chosen is the kubeconfig to look at: the one that was asked for, else the
// node's, else one by which a pod was attached, else Multus'. Empty: none of them
// is there.
func (p *patient) chosen() string {
	if path := cmp.Or(p.kubeconfig, p.Node.KubeConfig); path != "" {
		return path
	}
	for _, r := range p.records {
		if r.Pod != nil && r.Pod.KubeConfig != "" {
			return r.Pod.KubeConfig
		}
	}
	if isThere(multusKubeconfig) {
		return multusKubeconfig
	}
	return ""
}

func (p *patient) credentials(context.Context) diagnosis {
	path := p.chosen()
	if path == "" {
		return skipped("none is named by --kubeconfig, the node settings or a record, and there is no "+multusKubeconfig+"; networks work without, by file alone",
			"userspace doctor --kubeconfig FILE looks at the one that a network names")
	}
	client, err := kube.New(path)
	if err != nil {
		return failed(err.Error(), "correct it, or name another in the network's kubeconfig; root must be able to read it and what it names")
	}
	client.Close()
	return well(path)
}

// podVerbs are what the plugin does to pods.
var podVerbs = []string{"get", "patch"}

// rights asks the API server: a missing right would show at the first pod.
func (p *patient) rights(ctx context.Context) diagnosis {
	path := p.chosen()
	if path == "" {
		return skipped("not asked: there is no kubeconfig", "")
	}
	client, err := kube.New(path)
	if err != nil {
		return skipped("not asked: the kubeconfig can't be used, see above", "")
	}
	defer client.Close()
	var missing []string
	for _, verb := range podVerbs {
		may, err := client.MayPods(ctx, verb)
		if err != nil {
			return failed(err.Error(), "make the API server reachable from this node with this kubeconfig: kubectl --kubeconfig "+path+" auth can-i "+verb+" pods -A must answer yes")
		}
		if !may {
			missing = append(missing, verb)
		}
	}
	if len(missing) > 0 {
		verbs := strings.Join(missing, " and ")
		return failed(fmt.Sprintf("the user of %s may not %s pods", path, verbs),
			fmt.Sprintf("add to the rules of its ClusterRole: - {apiGroups: [\"\"], resources: [pods], verbs: [%s]}", strings.Join(missing, ", ")))
	}
	return well("the API server lets the kubeconfig's user " + strings.Join(podVerbs, " and ") + " pods")
}
