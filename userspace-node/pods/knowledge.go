package pods

import (
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/userspace-cni/userspace-cni/pkg/kube"
)

// maxAnswers bounds what is remembered of pods that are gone; beyond, it is
// forgotten, and asked for again.
const maxAnswers = 4096

type podName struct{ namespace, name string }

// identity is what tells a pod from others of its name.
type identity struct {
	uid string
	// static is the kubelet's UID of the static pod that this one mirrors.
	static string
}

func (i identity) is(uid string) bool { return uid == "" || uid == i.uid || uid == i.static }

// question is whether a pod is gone.
type question struct {
	podName
	uid string
}

// knowledge is what the API server said of the pods, in a few bytes for each.
type knowledge struct {
	// asked says that there are open questions.
	asked chan struct{}

	mutex  sync.Mutex
	listed bool
	// watch is the one that runs; nil: none.
	watch watch.Interface
	pods  map[podName]identity
	open  map[question]struct{}
	// confirmed are the pods that are gone. They don't come back: no UID is given
	// twice.
	confirmed map[question]struct{}
}

var _ cache.ReflectorStore = (*knowledge)(nil)

func newKnowledge() *knowledge {
	return &knowledge{
		asked:     make(chan struct{}, 1),
		pods:      map[podName]identity{},
		open:      map[question]struct{}{},
		confirmed: map[question]struct{}{},
	}
}

func (k *knowledge) current() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.isCurrent()
}

func (k *knowledge) isCurrent() bool { return k.listed && k.watch != nil }

func (k *knowledge) gone(q question) (gone, known bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if !k.isCurrent() || len(k.pods) == 0 { // a node has pods, under its right name
		return false, false
	}
	if absent, sure := absent(k.pods, q); !absent || !sure {
		return false, sure
	}
	if _, ok := k.confirmed[q]; ok {
		return true, true
	}
	k.open[q] = struct{}{}
	select {
	case k.asked <- struct{}{}:
	default:
	}
	return false, false
}

// absent tells whether a pod is not among others. It isn't sure where there is a
// mirror of that name, but another one: the kubelet makes a new one, with a new
// UID, of a static pod that was there all the time.
func absent(pods map[podName]identity, q question) (absent, sure bool) {
	pod, ok := pods[q.podName]
	switch {
	case !ok:
		return true, true
	case pod.is(q.uid):
		return false, true
	}
	return true, pod.static == ""
}

// take returns the open questions, which it closes.
func (k *knowledge) take() map[question]struct{} {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	open := k.open
	k.open = map[question]struct{}{}
	return open
}

// answer says what follows from a list that began after the questions.
func (k *knowledge) answer(questions map[question]struct{}, list []metav1.PartialObjectMetadata) {
	pods := make(map[podName]identity, len(list))
	for i := range list {
		name, id := identify(&list[i])
		pods[name] = id
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for q := range questions {
		if gone, sure := absent(pods, q); gone && sure {
			if len(k.confirmed) >= maxAnswers {
				clear(k.confirmed)
			}
			k.confirmed[q] = struct{}{}
		}
	}
}

func identify(pod *metav1.PartialObjectMetadata) (podName, identity) {
	return podName{pod.Namespace, pod.Name}, identity{string(pod.UID), pod.Annotations[kube.MirrorAnnotation]}
}

// What follows is for the reflector.

// Add takes a pod that is there.
func (k *knowledge) Add(object any) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return change(object, k.put)
}

// Update takes a pod that has changed.
func (k *knowledge) Update(object any) error { return k.Add(object) }

// Delete takes a pod that is gone.
func (k *knowledge) Delete(object any) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return change(object, func(name podName, _ identity) { delete(k.pods, name) })
}

// Replace takes all pods that are there.
func (k *knowledge) Replace(objects []any, _ string) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	clear(k.pods)
	for _, object := range objects {
		if err := change(object, k.put); err != nil {
			return err
		}
	}
	k.listed = true
	return nil
}

// Resync has nothing to do.
func (k *knowledge) Resync() error { return nil }

func (k *knowledge) put(name podName, id identity) {
	k.pods[name] = id
	delete(k.confirmed, question{podName: name}) // there is one again
}

// change does something with a pod's metadata, which is all that the reflector
// brings.
func change(object any, do func(podName, identity)) error {
	pod, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return fmt.Errorf("a %T, not a pod's metadata", object)
	}
	do(identify(pod))
	return nil
}

// began says that a watch runs.
func (k *knowledge) began(w watch.Interface) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.watch = w
}

// ended says that a watch has ended; its successor may already run.
func (k *knowledge) ended(w watch.Interface) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.watch == w {
		k.watch = nil
	}
}
