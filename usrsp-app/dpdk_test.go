package usrspapp

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// vhost is an entry of a vhost-user endpoint.
func vhost(name, mode string, addresses ...string) contract.Entry {
	e := entry(name, addresses...)
	e.Config.IfType, e.Config.Memif = netconf.IfTypeVhostUser, nil
	e.Config.Vhost = &netconf.Vhost{Mode: mode, SocketFile: "vhost-" + name + ".sock"}
	return e
}

func changed(e contract.Entry, change func(*netconf.Side)) contract.Entry {
	change(&e.Config)
	return e
}

// TestDPDKArguments has the texts that EAL is given.
func TestDPDKArguments(t *testing.T) {
	for name, c := range map[string]struct {
		entries []contract.Entry
		queues  int
		want    string
	}{
		"memif": {
			[]contract.Entry{entry("a")},
			0,
			"--vdev=net_memif0,role=client,id=0,socket=DIR/memif-a.sock,socket-abstract=no,zero-copy=no",
		},
		"memif with everything": {
			[]contract.Entry{changed(entry("a"), func(s *netconf.Side) {
				s.MAC = "02:fe:00:00:00:01"
				s.Memif.SocketType, s.Memif.RingSize, s.Memif.BufferSize, s.Memif.Secret = netconf.SocketTypeAbstract, 2048, 4096, "s3cret/+%@:-"
				s.Memif.RxQueues, s.Memif.TxQueues = 4, 2
			})},
			0,
			"--vdev=net_memif0,role=client,id=0,socket=memif-a.sock,socket-abstract=yes,rsize=11,bsize=4096,secret=s3cret/+%@:-,mac=02:fe:00:00:00:01,zero-copy=no",
		},
		"memif that listens": {
			[]contract.Entry{changed(entry("a"), func(s *netconf.Side) { s.Memif.Role, s.Memif.Mode = netconf.RoleMaster, "" })},
			0,
			"--vdev=net_memif0,role=server,id=0,socket=DIR/memif-a.sock,socket-abstract=no,zero-copy=no",
		},
		"vhost-user that connects": {
			[]contract.Entry{vhost("a", netconf.VhostClient)},
			0,
			"--vdev=net_virtio_user0,path=DIR/vhost-a.sock,queues=1 --single-file-segments",
		},
		"vhost-user with everything": {
			[]contract.Entry{changed(vhost("a", netconf.VhostServer), func(s *netconf.Side) {
				s.MAC, s.Vhost.EnablePacked, s.Vhost.EnableGSO, s.Vhost.EnableEventIdx = "02:fe:00:00:00:01", true, true, true
			})},
			4,
			"--vdev=net_virtio_user0,path=DIR/vhost-a.sock,server=1,queues=4,packed_vq=1,mac=02:fe:00:00:00:01 --single-file-segments",
		},
		"in the order of the networks, VCL's not counted": {
			[]contract.Entry{as(vcl("d"), "c", 1), as(vhost("b", netconf.VhostClient), "c", 2), as(entry("c"), "c", 3), as(vhost("a", netconf.VhostClient), "c", 4)},
			0,
			"--vdev=net_virtio_user0,path=DIR/vhost-b.sock,queues=1 " +
				"--vdev=net_memif1,role=client,id=0,socket=DIR/memif-c.sock,socket-abstract=no,zero-copy=no " +
				"--vdev=net_virtio_user2,path=DIR/vhost-a.sock,queues=1 --single-file-segments",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := dpdkApp(t, c.entries...)
			var out bytes.Buffer
			must(t, a.DPDKArgs(t.Context(), &out, DPDKOptions{Queues: c.queues}))
			if diff := cmp.Diff(c.want+"\n", strings.ReplaceAll(out.String(), a.SharedDir, "DIR")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func dpdkApp(t *testing.T, entries ...contract.Entry) *App {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ua") // short enough for a socket
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	t.Setenv("TMPDIR", dir)
	a := &App{SharedDir: filepath.Join(dir, "shared"), PodInfo: filepath.Join(dir, "podinfo"), Log: slog.New(slog.DiscardHandler)}
	must(t, os.Mkdir(a.SharedDir, 0o755))
	for _, e := range entries {
		write(t, a.SharedDir, e)
	}
	return a
}

// TestDPDKJSON has what EAL has no arguments for.
func TestDPDKJSON(t *testing.T) {
	routed := via(vhost("a", netconf.VhostServer, "10.1.0.5/24>10.1.0.1"), "0.0.0.0/0")
	routed.Routed, routed.Config.MTU, routed.Config.MAC = true, 9000, "02:fe:00:00:00:01"
	a := dpdkApp(t, routed)
	var out bytes.Buffer
	must(t, a.DPDKArgs(t.Context(), &out, DPDKOptions{JSON: true}))
	argument := "--vdev=net_virtio_user0,path=DIR/vhost-a.sock,server=1,queues=1,mac=02:fe:00:00:00:01"
	want := `{
  "arguments": [
    "` + argument + `",
    "--single-file-segments"
  ],
  "interfaces": [
    {
      "network": "a",
      "ifName": "net1",
      "port": 0,
      "device": "net_virtio_user0",
      "argument": "` + argument + `",
      "iftype": "vhostuser",
      "socket": "DIR/vhost-a.sock",
      "listens": true,
      "rxQueues": 1,
      "txQueues": 1,
      "mac": "02:fe:00:00:00:01",
      "mtu": 9000,
      "routed": true,
      "addresses": [
        "10.1.0.5/32"
      ],
      "routes": [
        {
          "dst": "10.1.0.1/32"
        },
        {
          "dst": "10.1.0.0/24",
          "gw": "10.1.0.1"
        },
        {
          "dst": "0.0.0.0/0",
          "gw": "10.1.0.1"
        }
      ]
    }
  ]
}
`
	if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), a.SharedDir, "DIR")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDPDKQueues: a memif's queues are the contract's, unless they are given.
func TestDPDKQueues(t *testing.T) {
	a := dpdkApp(t, changed(entry("a"), func(s *netconf.Side) { s.Memif.RxQueues = 4 }))
	for queues, want := range map[int][2]int{0: {4, 1}, 2: {2, 2}} {
		var out bytes.Buffer
		var all DPDK
		must(t, a.DPDKArgs(t.Context(), &out, DPDKOptions{JSON: true, Queues: queues}))
		must(t, json.Unmarshal(out.Bytes(), &all))
		if got := [2]int{all.Interfaces[0].RxQueues, all.Interfaces[0].TxQueues}; got != want {
			t.Errorf("--queues %d: %v, want %v", queues, got, want)
		}
	}
}

// TestDPDKRefuses: what a hostile contract or a person asks for is refused by
// name, with nothing written.
func TestDPDKRefuses(t *testing.T) {
	for words, change := range map[string]func(*netconf.Side){
		`"tap" has no DPDK driver`: func(s *netconf.Side) { s.IfType = "tap" },
		`has no memif block`:       func(s *netconf.Side) { s.Memif = nil },
		`has no vhost block`:       func(s *netconf.Side) { s.IfType = netconf.IfTypeVhostUser },
		`memif.role "king"`:        func(s *netconf.Side) { s.Memif.Role = "king" },
		`memif.mode "ip"`:          func(s *netconf.Side) { s.Memif.Mode = netconf.ModeIP },
		`memif.ringSize 1000`:      func(s *netconf.Side) { s.Memif.RingSize = 1000 },
		`memif.ringSize 32768`:     func(s *netconf.Side) { s.Memif.RingSize = 1 << 15 },
		`mac "02:fe,x=y"`:          func(s *netconf.Side) { s.MAC = "02:fe,x=y" },
		`vhost.mode ""`: func(s *netconf.Side) {
			s.IfType, s.Memif, s.Vhost = netconf.IfTypeVhostUser, nil, &netconf.Vhost{SocketFile: "s"}
		},
	} {
		e := changed(entry("a"), change)
		_, err := newDevice(e, 0, "/shared/s", 0)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
	for _, socket := range []string{"", "/a b", "/a,id=1", "/a*", "/a?", "/[a]", "/$HOME", "/a\n", "/a=b", `/a\b`, "/a'b", "/ä"} {
		if _, err := newDevice(entry("a"), 0, socket, 0); err == nil || !strings.Contains(err.Error(), "can't be an argument") {
			t.Errorf("socket %q: %v", socket, err)
		}
	}
	for _, secret := range []string{"a b", "a,mac=1", "a*", strings.Repeat("s", 24), "a\x00"} {
		_, err := newDevice(changed(entry("a"), func(s *netconf.Side) { s.Memif.Secret = secret }), 0, "/shared/s", 0)
		if err == nil || !strings.Contains(err.Error(), "memif.secret can't be an argument") || strings.Contains(err.Error(), secret) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
}

// TestDPDKAll: one interface that can't be described is an error that names it,
// and so is a contract that can't be read: the ports would have other numbers.
func TestDPDKAll(t *testing.T) {
	a := dpdkApp(t, entry("a"), changed(entry("b"), func(s *netconf.Side) { s.Memif.Mode = netconf.ModeIP }))
	refuses := func(what string, words ...string) {
		t.Helper()
		var out bytes.Buffer
		err := a.DPDKArgs(t.Context(), &out, DPDKOptions{})
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) || out.Len() > 0 {
				t.Errorf("%s: %v, want %q; wrote %q", what, err, word, &out)
			}
		}
	}
	refuses("mode ip", "network b, interface net1", "memif.mode")
	must(t, os.WriteFile(filepath.Join(a.SharedDir, "configData-x.json"), []byte("{"), 0o600))
	refuses("damage", "configData-x.json")
	a = dpdkApp(t)
	a.Timeout = time.Millisecond
	refuses("no contract", "no contract in "+a.SharedDir)
	err := a.DPDKArgs(t.Context(), &bytes.Buffer{}, DPDKOptions{Queues: 129})
	if err == nil || !strings.Contains(err.Error(), "--queues 129") {
		t.Errorf("queues: %v", err)
	}
}

// TestDPDKWaits: the contract may come later.
func TestDPDKWaits(t *testing.T) {
	a := dpdkApp(t)
	a.Timeout = 20 * time.Second
	done := make(chan error, 1)
	var out bytes.Buffer
	go func() { done <- a.DPDKArgs(context.Background(), &out, DPDKOptions{}) }()
	write(t, a.SharedDir, entry("a"))
	if err := <-done; err != nil || !strings.HasPrefix(out.String(), "--vdev=net_memif0,") {
		t.Errorf("%v: %q", err, &out)
	}
}
