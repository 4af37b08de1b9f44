package suite

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestNames adds container IDs and interface names of every length that CNI
// allows, and two networks whose attachments share both.
func TestNames(t *testing.T) {
	onEach(t, func(b *bench) {
		var all []attachment
		for _, length := range []int{1, 2, 11, 12, 13, 64, 127, 128} {
			id := strings.Repeat("c", length)
			all = append(all,
				b.attach(b.network("net", b.hostLocal(1)), id, "net1"),
				b.attach(b.network("net", b.hostLocal(1)), id, "interface-of-15"),
				b.attach(b.network("other", b.hostLocal(2)), id, "net1"))
		}
		sockets := map[string]bool{}
		for _, a := range all {
			sockets[a.add().Interfaces[0].SocketPath] = true
		}
		if len(sockets) != len(all) {
			b.Errorf("%d attachments have %d sockets", len(all), len(sockets))
		}
		if objects := b.left(); !strings.Contains(objects, fmt.Sprintf("with %d ports", len(all))) {
			b.Errorf("not all %d are on the bridge:\n%s", len(all), objects)
		}
		for _, a := range all {
			a.del()
		}
	})
}

// TestLongNamesConnect reaches a pod whose socket's path is far too long for a
// Unix socket.
func TestLongNamesConnect(t *testing.T) {
	onEach(t, func(b *bench) {
		one := b.pod(strings.Repeat("a", 128))
		two := b.pod(strings.Repeat("b", 64))
		first := one.attach(b.network("net", b.hostLocal(1)), "interface-of-15")
		second := two.attach(b.network("net", b.hostLocal(1)), "interface-of-15")
		first.add()
		peer := second.add().IPs[0].Address.IP.String()
		one.configure(1)
		two.configure(1)
		one.mustReach(peer)
		first.del()
		second.del()
	})
}

// TestThousand makes a thousand endpoints. The Intel plugin panicked at the
// 21st.
func TestThousand(t *testing.T) {
	onEach(t, func(b *bench) {
		const count = 1000
		all := make([]attachment, count)
		for i := range all {
			all[i] = b.attach(b.network("net"), fmt.Sprintf("pod-%04d", i), "net1")
		}
		for _, wanted := range []int{21, 100, count} {
			done := strings.Count(b.left(), "memif socket ")
			inParallel(all[done:wanted], func(a attachment) { a.add() })
			objects := b.left()
			if !strings.Contains(objects, fmt.Sprintf("with %d ports", wanted)) {
				b.Fatalf("%d endpoints are not on the bridge", wanted)
			}
		}
		inParallel(all, func(a attachment) { a.del() })
	})
}

// inParallel does something for all attachments, a few at a time.
func inParallel(all []attachment, do func(attachment)) {
	todo := make(chan attachment)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for a := range todo {
				do(a)
			}
		})
	}
	for _, a := range all {
		todo <- a
	}
	close(todo)
	workers.Wait()
}
