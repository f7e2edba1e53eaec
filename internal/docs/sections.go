package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// readme is the one page outside docs/ that has generated sections.
const readme = "README.md"

// fill replaces what stands between <!-- NAME:begin --> and <!-- NAME:end -->
// in text by the section of that name. A text without the markers stays as it
// is; a begin without its end is an error.
func fill(text string, sections map[string]string) (string, error) {
	for name, section := range sections {
		begin, end := "<!-- "+name+":begin -->", "<!-- "+name+":end -->"
		before, rest, found := strings.Cut(text, begin)
		if !found {
			continue
		}
		_, after, found := strings.Cut(rest, end)
		if !found {
			return "", fmt.Errorf("%s has no %s after it", begin, end)
		}
		text = before + begin + "\n" + strings.TrimSpace(section) + "\n" + end + after
	}
	return text, nil
}

// fillFile does it for a file; out may be the file itself.
func fillFile(in, out string, sections map[string]string) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("filling in the generated sections: %w", err)
	}
	filled, err := fill(string(text), sections)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	if filled == string(text) && in == out {
		return nil
	}
	if err := os.WriteFile(out, []byte(filled), 0o644); err != nil {
		return fmt.Errorf("filling in the generated sections: %w", err)
	}
	return nil
}

// fillTree does it for all pages below dir.
func fillTree(dir string, sections map[string]string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		return fillFile(path, path, sections)
	})
}

// fillReadme does it for the README, from root into the folder out; a
// repository without one is left alone.
func fillReadme(root, out string, sections map[string]string) error {
	in := filepath.Join(root, readme)
	if _, err := os.Stat(in); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fillFile(in, filepath.Join(out, readme), sections)
}
