package vppsim_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/memclnt"
	memifapi "go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/binapi/vpe"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
)

func faulty(t *testing.T, text string) *vpp {
	t.Helper()
	f, err := fault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, vppsim.Options{Faults: []fault.Fault{f}})
}

func TestRefuse(t *testing.T) {
	v := faulty(t, "refuse:memif_socket_filename_add_del_v2:2=-14")
	for id, want := range []int32{0, -14, 0} {
		reply := &memifapi.MemifSocketFilenameAddDelV2Reply{}
		v.call(&memifapi.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: uint32(id + 1), SocketFilename: "/x"}, reply)
		check(t, "socket", reply.Retval, want)
	}
	if all := dump[*memifapi.MemifSocketFilenameDetails](v, &memifapi.MemifSocketFilenameDump{}); len(all) != 3 {
		t.Errorf("%d sockets: the refused one must have no effect", len(all))
	}
}

func TestRefuseDump(t *testing.T) {
	v := faulty(t, "refuse:memif_socket_filename_dump")
	for _, want := range []int{0, 1} {
		if all := dump[*memifapi.MemifSocketFilenameDetails](v, &memifapi.MemifSocketFilenameDump{}); len(all) != want {
			t.Errorf("%d sockets, want %d", len(all), want)
		}
	}
}

func TestHang(t *testing.T) {
	v := faulty(t, "hang:show_version")
	v.call(&memclnt.ControlPing{}, &memclnt.ControlPingReply{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := v.conn.Invoke(ctx, &vpe.ShowVersion{}, &vpe.ShowVersionReply{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := v.conn.Invoke(ctx, &memclnt.ControlPing{}, &memclnt.ControlPingReply{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a later message: %v", err)
	}
}

func TestDie(t *testing.T) {
	for _, text := range []string{"die:2", "die:show_version"} {
		v := faulty(t, text)
		v.call(&memclnt.ControlPing{}, &memclnt.ControlPingReply{})
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = v.conn.Invoke(ctx, &vpe.ShowVersion{}, &vpe.ShowVersionReply{})
		select {
		case err := <-v.served:
			if !errors.Is(err, vppsim.ErrDied) {
				t.Errorf("%s: %v", text, err)
			}
			v.served <- err
		case <-time.After(patience):
			t.Fatal("still alive")
		}
		if _, err := os.Stat(v.socket); err != nil {
			t.Errorf("a crash leaves the socket's file: %v", err)
		}
	}
}

// VPP dies of punt-inject mode, and so does its peer's link.
func TestCrashOfVPP(t *testing.T) {
	master, slave := start(t, vppsim.Options{}), start(t, vppsim.Options{})
	path := t.TempDir() + "/memif.sock"
	m := master.memif(1, path, memifapi.MemifCreateV2{})
	s := slave.memif(1, path, memifapi.MemifCreateV2{Role: memifapi.MEMIF_ROLE_API_SLAVE})
	master.up(m)
	slave.up(s)
	slave.waitLink(s)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	request := &memifapi.MemifCreateV2{SocketID: 1, ID: 5, Mode: memifapi.MEMIF_MODE_API_PUNT_INJECT}
	if err := master.conn.Invoke(ctx, request, &memifapi.MemifCreateV2Reply{}); err == nil {
		t.Error("survived")
	}
	eventually(t, "the slave notices", func() bool {
		return dump[*memifapi.MemifDetails](slave, &memifapi.MemifDump{})[0].Flags&2 == 0
	})
	again := start(t, vppsim.Options{})
	again.memif(1, path, memifapi.MemifCreateV2{}) // over the stale socket
	slave.waitLink(s)
}

// A host route both attached and via itself: removing either kills VPP.
func TestMixedHostRoute(t *testing.T) {
	v := start(t, vppsim.Options{})
	i := v.loopback()
	for range 2 {
		v.route(0, "10.0.0.7/32", i, "")
	}
	request := routeVia(0, "10.0.0.7/32", i, "10.0.0.7")
	remove := *request
	remove.IsAdd = false
	v.call(&remove, &ip.IPRouteAddDelReply{}) // one form by the other is fine
	v.route(0, "10.0.0.7/32", i, "")
	v.call(request, &ip.IPRouteAddDelReply{})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := v.conn.Invoke(ctx, &remove, &ip.IPRouteAddDelReply{}); err == nil {
		t.Error("survived")
	}
}
