using Quorate.Storage.Files;

namespace Quorate.Simulation.Disks;

/// <summary>
/// The file system of one incarnation of a machine; after its crash every call is a <see cref="SimulatedCrashException"/>.
/// </summary>
public sealed class SimulatedFileSystem : IFileSystem
{
    private readonly SimulatedDisk _disk;
    private readonly int _incarnation;

    internal SimulatedFileSystem(SimulatedDisk disk, int incarnation)
    {
        _disk = disk;
        _incarnation = incarnation;
    }

    public IFile Open(string path, OpenMode mode)
    {
        Check($"open {path}");
        (SimulatedDirectory? parent, string name) = _disk.Root.Parent(path);
        SimulatedContent? content = parent?.Files.GetValueOrDefault(name);
        if (parent is null)
        {
            throw new DirectoryNotFoundException($"{path}: no such directory");
        }

        if (content is not null && mode == OpenMode.CreateNew)
        {
            throw new IOException($"{path}: file exists");
        }

        if (content is null)
        {
            if (mode is OpenMode.Read or OpenMode.ReadWrite)
            {
                throw new FileNotFoundException($"{path}: no such file");
            }

            _disk.Begin(_incarnation, $"create {path}");
            content = new SimulatedContent();
            parent.Files[name] = content;
            _disk.Changed(parent, () => parent.Files.Remove(name));
        }

        return new SimulatedFile(_disk, _incarnation, path, content, mode == OpenMode.Read);
    }

    public bool FileExists(string path)
    {
        Check($"stat {path}");
        return _disk.Root.Find(path) is not null;
    }

    public bool DirectoryExists(string path)
    {
        Check($"stat {path}");
        return _disk.Root.FindDirectory(path) is not null;
    }

    public IReadOnlyList<string> List(string directory)
    {
        Check($"list {directory}");
        SimulatedDirectory found = Directory(directory);
        return [.. found.Directories.Keys.Concat(found.Files.Keys).Order(StringComparer.Ordinal)];
    }

    public void CreateDirectory(string path)
    {
        SimulatedDirectory directory = _disk.Root;
        foreach (string name in SimulatedDirectory.Split(path))
        {
            if (!directory.Directories.TryGetValue(name, out SimulatedDirectory? next))
            {
                _disk.Begin(_incarnation, $"mkdir {path}");
                SimulatedDirectory parent = directory;
                parent.Directories[name] = next = new SimulatedDirectory();
                _disk.Changed(parent, () => parent.Directories.Remove(name));
            }

            directory = next;
        }
    }

    public void Delete(string path)
    {
        _disk.Begin(_incarnation, $"delete {path}");
        (SimulatedDirectory? parent, string name) = _disk.Root.Parent(path);
        if (parent is not null && parent.Files.Remove(name, out SimulatedContent? content))
        {
            _disk.Changed(parent, () => parent.Files[name] = content);
        }
    }

    public void DeleteDirectory(string path)
    {
        _disk.Begin(_incarnation, $"delete {path}");
        (SimulatedDirectory? parent, string name) = _disk.Root.Parent(path);
        if (parent is null || !parent.Directories.Remove(name, out SimulatedDirectory? directory))
        {
            throw new DirectoryNotFoundException($"{path}: no such directory");
        }

        _disk.Changed(parent, () => parent.Directories[name] = directory);
    }

    public void Move(string from, string to)
    {
        _disk.Begin(_incarnation, $"rename {from}");
        (SimulatedDirectory? source, string oldName) = _disk.Root.Parent(from);
        (SimulatedDirectory? target, string newName) = _disk.Root.Parent(to);
        if (source is null || target is null)
        {
            throw new DirectoryNotFoundException($"{from}: no such directory");
        }

        if (source.Directories.Remove(oldName, out SimulatedDirectory? directory))
        {
            target.Directories[newName] = directory;
            _disk.Changed(target, () =>
            {
                target.Directories.Remove(newName);
                source.Directories[oldName] = directory;
            });
        }
        else if (source.Files.Remove(oldName, out SimulatedContent? content))
        {
            SimulatedContent? replaced = target.Files.GetValueOrDefault(newName);
            target.Files[newName] = content;
            _disk.Changed(target, () =>
            {
                target.Files.Remove(newName);
                if (replaced is not null)
                {
                    target.Files[newName] = replaced;
                }

                source.Files[oldName] = content;
            });
        }
        else
        {
            throw new FileNotFoundException($"{from}: no such file");
        }
    }

    public void SyncDirectory(string path)
    {
        _disk.Begin(_incarnation, $"sync {path}");
        _disk.SyncNames(Directory(path));
        _disk.Synced();
    }

    public long FreeSpace(string path) => _disk.Free;

    private SimulatedDirectory Directory(string path) =>
        _disk.Root.FindDirectory(path) ?? throw new DirectoryNotFoundException($"{path}: no such directory");

    private void Check(string operation) => _disk.Check(_incarnation, operation);
}
