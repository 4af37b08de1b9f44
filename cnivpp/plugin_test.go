package cnivpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// withoutMemif is the engine on its VPP as if that had come back without its
// memif plugin: the messages' names are changed on the way to the client.
func withoutMemif(t *testing.T, e *Engine) *Engine {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(filepath.Dir(e.Socket), "proxy.sock"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { forget(client, e.Socket) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return &Engine{Socket: listener.Addr().String(), Locks: e.Locks, Log: e.Log}
}

// forget passes everything on but the names of memif's messages, which stand in
// the first answer.
func forget(client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	header := make([]byte, 16)
	if _, err := io.ReadFull(server, header); err != nil {
		return
	}
	table := make([]byte, binary.BigEndian.Uint32(header[8:]))
	if _, err := io.ReadFull(server, table); err != nil {
		return
	}
	_, _ = client.Write(append(header, bytes.ReplaceAll(table, []byte("memif_"), []byte("gone._"))...))
	_, _ = io.Copy(client, server)
}

// TestWithoutPlugin: making says what is missing before anything is touched;
// what a VPP can't have is no obstacle to removing the rest.
func TestWithoutPlugin(t *testing.T) {
	e, spec := newEngine(t)
	without := withoutMemif(t, e)
	err := without.Ensure(patiently(t), spec, true)
	if !errors.Is(err, vpp.ErrUnsupported) || !strings.Contains(err.Error(), "memif_create_v2") {
		t.Errorf("making: %v", err)
	}
	if got := have(t, e); got != "" {
		t.Errorf("made: %s", got)
	}
	mustRemove(t, without, spec)
}
