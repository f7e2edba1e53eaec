package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	// Sections are further generated texts by name. Each goes between the markers
	// <!-- NAME:begin --> and <!-- NAME:end --> of README.md and of the pages,
	// which have them from their templates.
	Sections map[string]string
	// Files are further generated files, by their paths below the root: what the
	// pages show and docs/ may not hold, since the registry serves pages alone.
	Files map[string][]byte
}

// docsDir is the folder of the generated pages, below the root.
const docsDir = "docs"

// Generate writes the pages below docs/ and the sections of README.md; pages
// that nothing asks for any more go.
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
	if err := copyTree(filepath.Join(rendered, docsDir), target); err != nil {
		return fmt.Errorf("writing the new pages: %w", err)
	}
	if err := s.writeFiles(s.Root); err != nil {
		return err
	}
	return fillReadme(s.Root, s.Root, s.Sections)
}

// writeFiles writes the further files below a folder.
func (s Site) writeFiles(root string) error {
	for name, text := range s.Files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// ErrStale says that docs/, README.md or a further file is not what Generate would write.
var ErrStale = errors.New("the documentation is out of date")

// Check makes pages, README.md and further files elsewhere and compares. The error wraps ErrStale and
// shows the difference.
func (s Site) Check(ctx context.Context) error {
	rendered, remove, err := s.render(ctx)
	if err != nil {
		return err
	}
	defer remove()

	var difference string
	for _, name := range append([]string{docsDir, readme}, slices.Sorted(maps.Keys(s.Files))...) {
		d, err := diff(ctx, name, s.Root, rendered)
		if err != nil {
			return err
		}
		difference += d
	}
	if difference != "" {
		return fmt.Errorf("%w:\n\n%s\nRun `make docs` and commit the result. Pages are made from the descriptions in the schema, "+
			"templates/ and examples/, and are not edited by hand", ErrStale, difference)
	}
	return nil
}

// render lets tfplugindocs write the pages into a temporary copy of what it
// needs, with README.md beside them, and returns that folder and what removes
// it.
func (s Site) render(ctx context.Context) (rendered string, remove func(), err error) {
	work, err := os.MkdirTemp("", "cml-docs-")
	if err != nil {
		return "", nil, fmt.Errorf("making room for the pages: %w", err)
	}
	// Nothing depends on whether a temporary folder could be removed.
	cleanUp := func() { _ = os.RemoveAll(work) }
	defer func() {
		if err != nil {
			cleanUp()
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
			// What it says before is a protocol of every file it looked at.
			_, reason, found := strings.Cut(string(out), "Error executing command: ")
			if !found {
				reason = string(out)
			}
			return "", nil, fmt.Errorf("tfplugindocs %s: %w: %s", verb, err, strings.TrimSpace(reason))
		}
	}
	if err := fillTree(filepath.Join(work, docsDir), s.Sections); err != nil {
		return "", nil, err
	}
	if err := fillReadme(s.Root, work, s.Sections); err != nil {
		return "", nil, err
	}
	if err := s.writeFiles(work); err != nil {
		return "", nil, err
	}
	return work, cleanUp, nil
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

// diff shows in git's words how the file or folder of that name differs
// between the folders root and generated; empty: not at all.
func diff(ctx context.Context, name, root, generated string) (string, error) {
	now, wanted := filepath.Join(root, name), filepath.Join(generated, name)
	if _, err := os.Stat(wanted); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if _, err := os.Stat(now); errors.Is(err, fs.ErrNotExist) {
		return name + " does not exist\n", nil
	}
	cmd := exec.CommandContext(ctx, "git", "diff", "--no-index", "--no-ext-diff", "--no-color", "--no-prefix", "--", now, wanted)
	out, err := cmd.Output()
	if err == nil {
		return "", nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		// Where the two are means nothing to the reader.
		text := strings.ReplaceAll(string(out), strings.TrimPrefix(wanted, "/"), filepath.Join("generated", name))
		return strings.ReplaceAll(text, strings.TrimPrefix(now, "/"), name), nil
	}
	return "", fmt.Errorf("comparing %s: %w", name, err)
}
