namespace Quorate.Simulation.Disks;

/// <summary>
/// What remains of a machine between its incarnations. Contents are durable after a sync of the file, names after a sync of the
/// directory; what a crash does to the rest is decided by its seed. One user at a time.
/// </summary>
public sealed class SimulatedDisk(int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<NameChange> _unsyncedNames = [];
    private long _operationsLeft = long.MaxValue;

    internal SimulatedDirectory Root { get; } = new();

    /// <summary>Bytes that files may have together; a write beyond is an <see cref="IOException"/>.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>The disk says that it synced, and did not: for seeing that this is noticed.</summary>
    public bool LiesAboutSync { get; set; }

    /// <summary>Number of operations that changed something, over all incarnations.</summary>
    public long Operations { get; private set; }

    public long Syncs { get; private set; }

    /// <summary>Sectors that crashes took back.</summary>
    public long LostSectors { get; private set; }

    internal int Incarnation { get; private set; }

    /// <summary>A file system for the incarnation that begins.</summary>
    public SimulatedFileSystem Mount() => new(this, Incarnation);

    /// <summary>Lets the machine crash at an operation that many ahead.</summary>
    public void CrashAfter(long operations) => _operationsLeft = operations;

    /// <summary>Ends the incarnation: its files are closed, its locks are free, and what was not synced may be lost.</summary>
    public void Crash(CrashLoss loss)
    {
        Incarnation++;
        _operationsLeft = long.MaxValue;
        if (loss != CrashLoss.None)
        {
            LoseNames(loss);
        }

        _unsyncedNames.Clear();
        foreach (SimulatedContent content in Root.AllContents())
        {
            LostSectors += content.Crash(loss, _random);
        }
    }

    /// <summary>Flips one bit of a file, as a disk may; false if the file has no bytes.</summary>
    public bool FlipBit(string path, long offset, int bit) =>
        Root.Find(path) is { } content && content.FlipBit(offset, bit);

    public IReadOnlyList<string> AllFiles() => [.. Root.AllPaths("")];

    internal void Begin(int incarnation, string operation)
    {
        Check(incarnation, operation);
        Operations++;
        if (--_operationsLeft < 0)
        {
            Incarnation++;
            throw new SimulatedCrashException(operation);
        }
    }

    internal void Check(int incarnation, string operation)
    {
        if (incarnation != Incarnation)
        {
            throw new SimulatedCrashException(operation);
        }
    }

    /// <summary>Bytes that files may still have.</summary>
    internal long Free => Capacity == long.MaxValue ? long.MaxValue : Capacity - Root.AllContents().Sum(content => content.Length);

    internal void Reserve(long bytes, string path)
    {
        if (Capacity != long.MaxValue && bytes > 0 && bytes > Free)
        {
            throw new IOException($"write {path}: no space left on device");
        }
    }

    internal void Synced() => Syncs++;

    internal void Changed(SimulatedDirectory directory, Action undo) => _unsyncedNames.Add(new NameChange(directory, undo));

    internal void SyncNames(SimulatedDirectory directory) => _unsyncedNames.RemoveAll(change => change.Directory == directory);

    private void LoseNames(CrashLoss loss)
    {
        // A journal keeps its order: what is lost is the end of it.
        int kept = loss == CrashLoss.All ? 0 : _random.Next(_unsyncedNames.Count + 1);
        for (int i = _unsyncedNames.Count - 1; i >= kept; i--)
        {
            _unsyncedNames[i].Undo();
        }
    }

    private sealed record NameChange(SimulatedDirectory Directory, Action Undo);
}
