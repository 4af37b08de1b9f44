package kube

// file is a kubeconfig as far as a CNI plugin needs it: fields and names are
// those of k8s.io/client-go/tools/clientcmd/api/v1, whose import would double
// the number of packages that every call links.
type file struct {
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
	CurrentContext string         `json:"current-context"`
}

type namedCluster struct {
	Name    string  `json:"name"`
	Cluster cluster `json:"cluster"`
}

type namedUser struct {
	Name string `json:"name"`
	User user   `json:"user"`
}

type namedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

type cluster struct {
	Server                   string `json:"server"`
	TLSServerName            string `json:"tls-server-name"`
	InsecureSkipTLSVerify    bool   `json:"insecure-skip-tls-verify"`
	CertificateAuthority     string `json:"certificate-authority"`
	CertificateAuthorityData []byte `json:"certificate-authority-data"`
	ProxyURL                 string `json:"proxy-url"`
}

type user struct {
	ClientCertificate     string `json:"client-certificate"`
	ClientCertificateData []byte `json:"client-certificate-data"`
	ClientKey             string `json:"client-key"`
	ClientKeyData         []byte `json:"client-key-data"`
	Token                 string `json:"token"`
	TokenFile             string `json:"tokenFile"`

	// What follows is read only to be refused.

	Username             string              `json:"username"`
	Password             string              `json:"password"`
	Impersonate          string              `json:"as"`
	ImpersonateUID       string              `json:"as-uid"`
	ImpersonateGroups    []string            `json:"as-groups"`
	ImpersonateUserExtra map[string][]string `json:"as-user-extra"`
	AuthProvider         *struct{}           `json:"auth-provider"`
	Exec                 *struct{}           `json:"exec"`
}
