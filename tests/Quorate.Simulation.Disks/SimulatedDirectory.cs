namespace Quorate.Simulation.Disks;

/// <summary>Names of files and directories.</summary>
internal sealed class SimulatedDirectory
{
    public SortedDictionary<string, SimulatedDirectory> Directories { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, SimulatedContent> Files { get; } = new(StringComparer.Ordinal);

    public static string[] Split(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public SimulatedContent? Find(string path)
    {
        (SimulatedDirectory? parent, string name) = Parent(path);
        return parent?.Files.GetValueOrDefault(name);
    }

    public SimulatedDirectory? FindDirectory(string path)
    {
        SimulatedDirectory? directory = this;
        foreach (string name in Split(path))
        {
            directory = name == "." ? directory : directory?.Directories.GetValueOrDefault(name);
        }

        return directory;
    }

    public (SimulatedDirectory? Directory, string Name) Parent(string path)
    {
        string[] names = Split(path);
        return (FindDirectory(string.Join('/', names[..^1])), names[^1]);
    }

    public IEnumerable<SimulatedContent> AllContents() =>
        Files.Values.Concat(Directories.Values.SelectMany(directory => directory.AllContents()));

    public IEnumerable<string> AllPaths(string prefix) =>
        Files.Keys.Select(name => $"{prefix}/{name}")
            .Concat(Directories.SelectMany(directory => directory.Value.AllPaths($"{prefix}/{directory.Key}")));
}
