using Quorate.Mvcc.Backing;

namespace Quorate.Mvcc.Watching;

/// <summary>Watchers by what they watch: those of one key are found at once, those of ranges by looking at each different range.</summary>
internal sealed class WatcherSet
{
    private readonly Dictionary<byte[], List<Watcher>> _byKey = new(ByteOrder.Instance);
    private readonly Dictionary<string, (KeyRange Range, List<Watcher> Watchers)> _byRange = [];

    public int Count { get; private set; }

    public void Add(Watcher watcher)
    {
        Count++;
        KeyRange range = watcher.Range;
        if (range.IsSingleKey)
        {
            if (!_byKey.TryGetValue(range.Start, out List<Watcher>? watchers))
            {
                _byKey[range.Start] = watchers = new List<Watcher>(1);
            }

            watchers.Add(watcher);
            return;
        }

        string name = NameOf(range);
        if (!_byRange.TryGetValue(name, out (KeyRange, List<Watcher> Watchers) group))
        {
            _byRange[name] = group = (range, new List<Watcher>(1));
        }

        group.Watchers.Add(watcher);
    }

    public void Remove(Watcher watcher)
    {
        KeyRange range = watcher.Range;
        if (range.IsSingleKey)
        {
            if (_byKey.TryGetValue(range.Start, out List<Watcher>? watchers) && watchers.Remove(watcher))
            {
                Count--;
                if (watchers.Count == 0)
                {
                    _byKey.Remove(range.Start);
                }
            }
        }
        else if (_byRange.TryGetValue(NameOf(range), out (KeyRange, List<Watcher> Watchers) group) && group.Watchers.Remove(watcher))
        {
            Count--;
            if (group.Watchers.Count == 0)
            {
                _byRange.Remove(NameOf(range));
            }
        }
    }

    /// <summary>Tells each watcher of a key.</summary>
    public void Find(byte[] key, List<Watcher> into)
    {
        if (_byKey.TryGetValue(key, out List<Watcher>? watchers))
        {
            into.AddRange(watchers);
        }

        foreach ((KeyRange range, List<Watcher> ofRange) in _byRange.Values)
        {
            if (range.Contains(key))
            {
                into.AddRange(ofRange);
            }
        }
    }

    private static string NameOf(KeyRange range) => $"{Convert.ToHexString(range.Start)}-{Convert.ToHexString(range.End)}";
}
