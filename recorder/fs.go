package recorder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileSystem is what the journal needs of a disk. Tests put faults in.
type fileSystem interface {
	// Create makes a file that must not exist.
	Create(name string) (file, error)
	// Append opens a file for writing at its end, making it where needed.
	Append(name string) (file, error)
	// Open opens a file for reading and for being cut.
	Open(name string) (file, error)
	Remove(name string) error
	Rename(from, to string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
}

type file interface {
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync returns once the data is on disk.
	Sync() error
	Truncate(size int64) error
	// Allocate reserves disk space up to size, which reads as zeros.
	Allocate(size int64) error
	Size() (int64, error)
}

type diskFS struct{}

func (diskFS) Create(name string) (file, error) {
	return openDisk(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (diskFS) Append(name string) (file, error) {
	return openDisk(name, os.O_RDWR|os.O_CREATE|os.O_APPEND)
}

func (diskFS) Open(name string) (file, error) { return openDisk(name, os.O_RDWR) }

func (diskFS) Remove(name string) error { return os.Remove(name) }

func (diskFS) Rename(from, to string) error { return os.Rename(from, to) }

func (diskFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDir(d)
}

func openDisk(name string, flags int) (file, error) {
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &diskFile{f}, nil
}

type diskFile struct{ *os.File }

func (f *diskFile) Sync() error { return dataSync(f.File) }

func (f *diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *diskFile) Allocate(size int64) error { return allocate(f.File, size) }

// writeFile makes a small file durable, whole or not at all.
func writeFile(fsys fileSystem, name string, data []byte) error {
	temp := name + ".new"
	if there, err := exists(temp); err != nil {
		return err
	} else if there { // of an earlier try
		if err := fsys.Remove(temp); err != nil {
			return err
		}
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func exists(name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
