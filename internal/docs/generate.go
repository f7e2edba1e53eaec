package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// Site is what the pages are made from.
type Site struct {
	// Root is the top folder of the repository: templates/ and examples/ are
	// read below it, docs/ is written below it.
	Root string
	// Name is the provider's short name, "cml".
	Name string
	// Server is the provider, in this process.
	Server tfprotov6.ProviderServer
	// TFPluginDocs is the path of the tfplugindocs program.
	TFPluginDocs string
}

// docsDir is the folder of the generated pages, below the root.
const docsDir = "docs"

// Generate writes the pages below docs/; pages that nothing asks for any more
// go.
func (s Site) Generate(ctx context.Context) error {
	rendered, remove, err := s.render(ctx)
	if err != nil {
		return err
	}
	defer remove()

	target := filepath.Join(s.Root, docsDir)
	if err := os.RemoveAll(target); err != nil {
		return fmt.Errorf("removing the old pages: %w", err)
	}
	if err := copyTree(rendered, target); err != nil {
		return fmt.Errorf("writing the new pages: %w", err)
	}
	return nil
}

// ErrStale says that docs/ is not what Generate would write.
var ErrStale = errors.New("docs/ is out of date")

// Check renders the pages elsewhere and compares. The error wraps ErrStale and
// shows the difference.
func (s Site) Check(ctx context.Context) error {
	rendered, remove, err := s.render(ctx)
	if err != nil {
		return err
	}
	defer remove()

	difference, err := diff(ctx, filepath.Join(s.Root, docsDir), rendered)
	if err != nil {
		return err
	}
	if difference != "" {
		return fmt.Errorf("%w:\n\n%s\nRun `make docs` and commit the result. Pages are made from the descriptions in the schema, "+
			"templates/ and examples/, and are not edited by hand", ErrStale, difference)
	}
	return nil
}

// render lets tfplugindocs write the pages into a temporary copy of what it
// needs, and returns their folder and what removes it.
func (s Site) render(ctx context.Context) (rendered string, remove func(), err error) {
	work, err := os.MkdirTemp("", "cml-docs-")
	if err != nil {
		return "", nil, fmt.Errorf("making room for the pages: %w", err)
	}
	// Nothing depends on whether a temporary folder could be removed.
	remove = func() { _ = os.RemoveAll(work) }
	defer func() {
		if err != nil {
			remove()
		}
	}()

	for _, dir := range []string{"examples", "templates"} {
		from := filepath.Join(s.Root, dir)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := copyTree(from, filepath.Join(work, dir)); err != nil {
			return "", nil, fmt.Errorf("copying %s: %w", dir, err)
		}
	}
	schemas, err := Schemas(ctx, s.Server, s.Name)
	if err != nil {
		return "", nil, err
	}
	text, err := json.Marshal(schemas)
	if err != nil {
		return "", nil, fmt.Errorf("encoding the schema: %w", err)
	}
	schemaFile := filepath.Join(work, "schema.json")
	if err := os.WriteFile(schemaFile, text, 0o600); err != nil {
		return "", nil, fmt.Errorf("writing the schema: %w", err)
	}

	program, err := filepath.Abs(s.TFPluginDocs)
	if err != nil {
		return "", nil, fmt.Errorf("finding tfplugindocs: %w", err)
	}
	for _, verb := range []string{"generate", "validate"} {
		cmd := exec.CommandContext(ctx, program, verb,
			"--provider-dir", work,
			"--provider-name", s.Name,
			"--providers-schema", schemaFile,
		)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", nil, fmt.Errorf("tfplugindocs %s: %w\n\n%s", verb, err, out)
		}
	}
	return filepath.Join(work, docsDir), remove, nil
}

// copyTree copies the files below from; folders whose name begins with a dot,
// such as .terraform, stay behind.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		switch {
		case entry.IsDir() && below != "." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}

// diff shows in git's words how the tree now differs from the tree wanted;
// empty: not at all.
func diff(ctx context.Context, now, wanted string) (string, error) {
	if _, err := os.Stat(now); errors.Is(err, fs.ErrNotExist) {
		return now + " does not exist\n", nil
	}
	cmd := exec.CommandContext(ctx, "git", "diff", "--no-index", "--no-ext-diff", "--no-color", "--no-prefix", "--", now, wanted)
	out, err := cmd.Output()
	if err == nil {
		return "", nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		// The temporary folder means nothing to the reader.
		text := strings.ReplaceAll(string(out), strings.TrimPrefix(wanted, "/"), "generated")
		return strings.ReplaceAll(text, strings.TrimPrefix(now, "/"), docsDir), nil
	}
	return "", fmt.Errorf("comparing the pages: %w", err)
}
