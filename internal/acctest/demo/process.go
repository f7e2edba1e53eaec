package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
)

// terraform runs the engine in one folder.
type terraform struct {
	*sandbox.Sandbox
	dir   string
	story *story
	// log is where the engine writes the provider's log (TF_LOG_PATH).
	log *tail
}

// name is what a person types to run the engine.
func (t *terraform) name() string {
	base := filepath.Base(t.Engine.Path)
	if found, err := exec.LookPath(base); err == nil && found == t.Engine.Path {
		return base
	}
	return t.Engine.Path
}

// run starts the engine with its machine-readable output on and tells the
// story of what it does. It returns the exit code where that is an answer
// (plan -detailed-exitcode), and an error for any other failure.
func (t *terraform) run(ctx context.Context, args ...string) (int, error) {
	cmd, after := t.Command(ctx, t.dir, args...)
	defer after()
	cmd.Env = append(cmd.Env, "TF_LOG_PROVIDER=INFO", "TF_LOG_PATH="+t.log.path)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("starting the engine: %w", err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the engine: %w", err)
	}

	following, unfollow := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { t.log.follow(following, t.story.provider) })
	failure := t.story.engine(stdout, func() { t.log.read(t.story.provider) })
	err = cmd.Wait()
	unfollow()
	follower.Wait()

	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.ExitCode() == changesPlanned:
		return changesPlanned, nil
	}
	if failure == "" {
		failure = strings.TrimSpace(stderr.String())
	}
	return 0, fmt.Errorf("%s %s: %w\n%s", t.Engine.Kind, args[0], err, failure)
}

// changesPlanned is the exit code of plan -detailed-exitcode for a plan that
// is not empty.
const changesPlanned = 2

// quiet runs the engine without a story and returns what it prints.
func (t *terraform) quiet(ctx context.Context, args ...string) ([]byte, error) {
	cmd, after := t.Command(ctx, t.dir, args...)
	defer after()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", t.Engine.Kind, args[0], err, out, stderr.String())
	}
	return out, nil
}

// outputs reads the root module's outputs, which are strings; one that is null
// is absent.
func (t *terraform) outputs(ctx context.Context) (map[string]string, error) {
	text, err := t.quiet(ctx, "output", "-json")
	if err != nil {
		return nil, err
	}
	var raw map[string]struct{ Value *string }
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("reading the outputs: %w", err)
	}
	out := make(map[string]string, len(raw))
	for name, o := range raw {
		if o.Value != nil {
			out[name] = *o.Value
		}
	}
	return out, nil
}

// output reads one output of any type into a pointer.
func (t *terraform) output(ctx context.Context, name string, into any) error {
	text, err := t.quiet(ctx, "output", "-json", name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading the output %s: %w", name, err)
	}
	return nil
}

// tail reads a file that grows, line by line. It is safe for concurrent use.
type tail struct {
	path string

	mu     sync.Mutex
	offset int64
}

// follow gives each new line to tell until ctx ends; what was written by then
// is told still.
func (t *tail) follow(ctx context.Context, tell func(string)) {
	const pace = 100 * time.Millisecond
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		t.read(tell)
		select {
		case <-ctx.Done():
			t.read(tell)
			return
		case <-tick.C:
		}
	}
}

// read tells the complete lines since the last read. A log that cannot be read
// leaves the story without its details, and does no harm otherwise.
func (t *tail) read(tell func(string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, err := readFrom(t.path, t.offset)
	if err != nil {
		return
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	t.offset += int64(end)
	for line := range strings.Lines(string(text[:end])) {
		tell(strings.TrimSuffix(line, "\n"))
	}
}

func readFrom(path string, offset int64) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.NewSectionReader(file, offset, maxLog))
}

// maxLog bounds one read of the log.
const maxLog = 16 << 20
