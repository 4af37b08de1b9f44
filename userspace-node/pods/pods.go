package pods

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/userspace-cni/userspace-cni/pkg/kube"
)

// Ref names a pod.
type Ref = kube.Ref

// Config says whose pods are watched, and where.
type Config struct {
	// Kubeconfig is a file; empty: the service account of the agent's own pod.
	Kubeconfig string
	// Node is this node's name on the API server.
	Node string
}

// Pods are those of this node. It may be used concurrently.
type Pods struct {
	source    *source
	knowledge *knowledge
	recorder  *recorder
	running   sync.WaitGroup
}

// Watch begins to watch the node's pods, and returns at once; whether the API
// server is there is logged when it changes. It goes on until the context ends.
// It returns ErrNoCredentials where there are none.
func Watch(ctx context.Context, c Config, log *slog.Logger) (*Pods, error) {
	return start(ctx, c, log, defaultPace)
}

func start(ctx context.Context, c Config, log *slog.Logger, pace pace) (*Pods, error) {
	if c.Node == "" {
		return nil, errors.New("the node's name is missing: whose pods to watch isn't known")
	}
	clients, err := newClients(c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	p := &Pods{knowledge: newKnowledge(), recorder: newRecorder(clients.events, c.Node, log, pace)}
	p.source = &source{
		pods:      clients.pods,
		selector:  fields.OneTermEqualSelector("spec.nodeName", c.Node).String(),
		knowledge: p.knowledge,
		reach:     &reach{log: log},
		running:   &p.running,
	}
	// client-go logs each retry; what is worth a line is logged by reach.
	ctx = klog.NewContext(ctx, klog.Logger{})
	reflector := cache.NewReflectorWithOptions(
		cache.ToListWatcherWithWatchListSemantics(p.source.listWatch(), noWatchList{}),
		&metav1.PartialObjectMetadata{}, p.knowledge, cache.ReflectorOptions{Name: "pods of " + c.Node, Backoff: pace.retry})

	var loops sync.WaitGroup
	loops.Go(func() { reflector.RunWithContext(ctx) })
	loops.Go(func() { p.confirm(ctx) })
	loops.Go(func() { p.recorder.run(ctx) })
	p.running.Go(func() {
		loops.Wait()
		utilnet.CloseIdleConnectionsFor(clients.http.Transport)
	})
	return p, nil
}

// Wait returns when everything has ended that Watch began, after its context.
func (p *Pods) Wait() { p.running.Wait() }

// Synced tells whether the node's pods have been listed and are being watched at
// the moment. Where it is false, Gone knows nothing.
func (p *Pods) Synced() bool { return p.knowledge.current() }

// Gone tells whether a pod isn't on this node any more: deleted, or replaced by
// another one of the same name. An uid of "" stands for any pod of that name;
// that of a static pod may be the kubelet's.
//
// It doesn't wait. A pod that is not among those watched is asked for in the
// background, and known stays false until the API server has answered: ask again
// later. Nothing is known either before the first list, while the watch is
// broken, and of a static pod whose mirror was replaced, which happens while the
// pod lives on.
func (p *Pods) Gone(namespace, name, uid string) (gone, known bool) {
	return p.knowledge.gone(question{podName{namespace, name}, uid})
}

// confirm lists the pods once more for those that may be gone.
func (p *Pods) confirm(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.knowledge.asked:
		}
		questions := p.knowledge.take()
		// Without a resourceVersion it is read past the API server's caches. Where
		// it fails the questions are forgotten; who still wants to know asks again.
		list, err := p.source.fetch(ctx, metav1.ListOptions{})
		if err != nil {
			p.source.reach.log.Debug("can't tell yet which pods are gone", "err", fmt.Errorf("list pods: %w", err))
			continue
		}
		p.knowledge.answer(questions, list.Items)
	}
}
