package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Left lists everything on the VPP that it didn't have when it started:
// interfaces, memif sockets, bridge domains, tables, routes, application namespaces;
// one a line.
func (v *VPP) Left() (string, error) {
	now, err := v.objects()
	left := slices.DeleteFunc(now, func(line string) bool { return slices.Contains(v.initial, line) })
	return strings.Join(left, "\n"), err
}

func (v *VPP) objects() ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, v.APISocket)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var all []string
	for _, look := range []func(context.Context, *vpp.Session) ([]string, error){interfacesOf, socketsOf, domainsOf, tablesOf, namespacesOf} {
		lines, err := look(ctx, session)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.Sort(all)
	return all, nil
}

func interfacesOf(ctx context.Context, s *vpp.Session) ([]string, error) {
	all, err := s.Interfaces(ctx)
	var lines []string
	for _, iface := range all {
		if iface.Index != 0 {
			lines = append(lines, fmt.Sprintf("interface %s tag %q", iface.Name, iface.Tag))
		}
	}
	return lines, err
}

func socketsOf(ctx context.Context, s *vpp.Session) ([]string, error) {
	dump, err := memif.NewServiceClient(s.Conn()).MemifSocketFilenameDump(ctx, &memif.MemifSocketFilenameDump{})
	if unknown := new(vppapi.UnknownMessageError); errors.As(err, &unknown) {
		return nil, nil // a VPP without the plugin has none
	}
	if err != nil {
		return nil, err
	}
	var lines []string
	err = vpp.Drain(dump.Recv, func(d *memif.MemifSocketFilenameDetails) {
		if d.SocketID != 0 {
			lines = append(lines, fmt.Sprintf("memif socket %d %s", d.SocketID, d.SocketFilename))
		}
	})
	return lines, err
}

func domainsOf(ctx context.Context, s *vpp.Session) ([]string, error) {
	dump, err := l2.NewServiceClient(s.Conn()).BridgeDomainDump(ctx, &l2.BridgeDomainDump{BdID: ^uint32(0), SwIfIndex: vpp.NoIndex})
	if err != nil {
		return nil, err
	}
	var lines []string
	err = vpp.Drain(dump.Recv, func(d *l2.BridgeDomainDetails) {
		if d.BdID != 0 {
			lines = append(lines, fmt.Sprintf("bridge-domain %d tag %q with %d ports", d.BdID, d.BdTag, len(d.SwIfDetails)))
		}
	})
	return lines, err
}

// tablesOf lists the tables, and what is in them.
func tablesOf(ctx context.Context, s *vpp.Session) ([]string, error) {
	client := ip.NewServiceClient(s.Conn())
	dump, err := client.IPTableDump(ctx, &ip.IPTableDump{})
	if err != nil {
		return nil, err
	}
	var tables []ip.IPTable
	if err := vpp.Drain(dump.Recv, func(d *ip.IPTableDetails) { tables = append(tables, d.Table) }); err != nil {
		return nil, err
	}
	var lines []string
	for _, table := range tables {
		lines = append(lines, fmt.Sprintf("table %d (IPv6 %t) %s", table.TableID, table.IsIP6, table.Name))
		routes, err := client.IPRouteDump(ctx, &ip.IPRouteDump{Table: table})
		if err != nil {
			return nil, err
		}
		err = vpp.Drain(routes.Recv, func(d *ip.IPRouteDetails) {
			lines = append(lines, fmt.Sprintf("route %s in table %d", d.Route.Prefix, d.Route.TableID))
		})
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func namespacesOf(ctx context.Context, s *vpp.Session) ([]string, error) {
	all, err := s.AppNamespaces(ctx)
	var lines []string
	for id, n := range all {
		if id != "default" { // comes with the session layer
			lines = append(lines, fmt.Sprintf("app namespace %s on %s at %s", id, n.Interface, n.Socket))
		}
	}
	return lines, err
}

// kept are the names of what may stay below the directories that the plugin
// and host-local use: locks and the plugin's own directories. Host-local's notes
// of the last address may stay too.
var kept = []string{"lock", "calls", "calls.old", "records", "numbers", "d"}

// FilesLeft lists what is below the given directories: files, and directories
// in which nothing is.
func FilesLeft(dirs ...string) (string, error) {
	var left []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) || path == dir {
				return nil
			}
			if entry.Name() == "names" { // numbers that stay their names'
				return fs.SkipDir
			}
			if err == nil && !isKept(entry.Name()) && (!entry.IsDir() || isEmpty(path)) {
				left = append(left, path)
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return strings.Join(left, "\n"), nil
}

func isKept(name string) bool {
	return slices.Contains(kept, name) || strings.HasPrefix(name, "last_reserved_ip.")
}

func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}
