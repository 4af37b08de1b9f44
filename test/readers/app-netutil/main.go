// Command app-netutil prints the interfaces that app-netutil finds in the annotations
// of the pod that it runs in, as JSON. Its argument is where the downward API's volume
// is mounted.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	apputil "github.com/openshift/app-netutil/lib/v1alpha"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "app-netutil:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: app-netutil DIRECTORY")
	}
	apputil.SetDownwardAPIMountPath(os.Args[1])
	response, err := apputil.GetInterfaces()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(response)
}
