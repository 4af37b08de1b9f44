package lab

import (
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// NetworkFromYAML returns the CNI configuration that a
// NetworkAttachmentDefinition in a file holds, as Multus passes it on.
func NetworkFromYAML(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var definition struct {
		Kind string
		Spec struct{ Config string }
	}
	if err := yaml.Unmarshal(data, &definition); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if definition.Kind != "NetworkAttachmentDefinition" || definition.Spec.Config == "" {
		return nil, fmt.Errorf("%s: not a NetworkAttachmentDefinition with a configuration", path)
	}
	return []byte(definition.Spec.Config), nil
}

// ArgsFromYAML returns the arguments of each container in a file of pods.
func ArgsFromYAML(path string) ([][]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all [][]string
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		var pod struct {
			Spec struct{ Containers []struct{ Args []string } }
		}
		if err := yaml.Unmarshal([]byte(document), &pod); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, container := range pod.Spec.Containers {
			all = append(all, container.Args)
		}
	}
	return all, nil
}
