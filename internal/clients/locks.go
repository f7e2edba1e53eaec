package clients

import "sync"

// locks are one mutex for each instance that someone holds or waits for.
type locks struct {
	mu   sync.Mutex
	held map[string]*lockEntry
}

type lockEntry struct {
	mu    sync.Mutex
	users int
}

func (l *locks) lock(id string) func() {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lockEntry{}
	}
	entry, ok := l.held[id]
	if !ok {
		entry = &lockEntry{}
		l.held[id] = entry
	}
	entry.users++
	l.mu.Unlock()

	entry.mu.Lock()
	return sync.OnceFunc(func() {
		entry.mu.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if entry.users--; entry.users == 0 {
			delete(l.held, id)
		}
	})
}
