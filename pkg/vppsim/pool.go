package vppsim

import "iter"

// pool gives out indices as VPP's pool_get does: the one that was freed last.
type pool[T any] struct {
	slots []*T
	free  []uint32
}

func (p *pool[T]) add(v *T) uint32 {
	if n := len(p.free); n > 0 {
		index := p.free[n-1]
		p.free = p.free[:n-1]
		p.slots[index] = v
		return index
	}
	p.slots = append(p.slots, v)
	return uint32(len(p.slots) - 1)
}

func (p *pool[T]) remove(index uint32) {
	p.slots[index] = nil
	p.free = append(p.free, index)
}

// at is nil where nothing is.
func (p *pool[T]) at(index uint32) *T {
	if int64(index) >= int64(len(p.slots)) {
		return nil
	}
	return p.slots[index]
}

// all iterates in the order of indices.
func (p *pool[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, v := range p.slots {
			if v != nil && !yield(v) {
				return
			}
		}
	}
}
