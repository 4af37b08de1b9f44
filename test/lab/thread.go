package lab

import (
	"runtime"
	"sync"
)

// onThread runs a function on one thread that lives as long as the process. A
// child that is to die with us (Pdeathsig) dies with the thread that started
// it, and Go ends threads as it likes. What is Private stays on its own.
func onThread(do func() error) error {
	if isPrivate() {
		return do()
	}
	done := make(chan error, 1)
	thread() <- func() { done <- do() }
	return <-done
}

var thread = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
})
