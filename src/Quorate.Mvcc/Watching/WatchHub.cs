using System.Collections.Concurrent;
using System.Threading.Channels;
using Quorate.Mvcc.Backing;

namespace Quorate.Mvcc.Watching;

/// <summary>
/// Brings changes to watchers, off the path of writes: apply only leaves its changes in a queue. What a slow stream does not take is not
/// kept: its watchers fall back to reading the store (spec 02 §7).
/// </summary>
public sealed class WatchHub
{
    private const int LongQueue = 4096, MaxRevisionsInStep = 1000, MaxWatchersInStep = 512;

    private readonly Keyspace _keyspace;
    private readonly ConcurrentQueue<(long Revision, IReadOnlyList<Change> Changes)> _queue = new();
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _lock = new();
    private readonly WatcherSet _synced = new();
    private readonly HashSet<WatchStream> _streams = [];
    private readonly List<Watcher> _found = [];
    private long _dispatched;
    private int _watchers;

    public WatchHub(Keyspace keyspace)
    {
        _keyspace = keyspace;
        _dispatched = keyspace.Revision;
        keyspace.Changed += Append;
        keyspace.Replaced += StartOver;
    }

    /// <summary>Watchers of all streams.</summary>
    public int WatcherCount => Volatile.Read(ref _watchers);

    public int StreamCount
    {
        get
        {
            lock (_lock)
            {
                return _streams.Count;
            }
        }
    }

    /// <summary>Watchers that catch up from the store.</summary>
    public int SlowWatcherCount
    {
        get
        {
            lock (_lock)
            {
                return _watchers - _synced.Count;
            }
        }
    }

    internal Lock Lock => _lock;

    internal Keyspace Keyspace => _keyspace;

    /// <summary>Opens a stream; it is to be disposed.</summary>
    public WatchStream Open()
    {
        var stream = new WatchStream(this);
        lock (_lock)
        {
            _streams.Add(stream);
        }

        return stream;
    }

    /// <summary>Brings changes to watchers as they come, until it is canceled. Where nobody runs it, <see cref="Dispatch"/> does the same.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (await _signal.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false))
            {
                _signal.Reader.TryRead(out _);
                Dispatch();
            }
        }
        catch (OperationCanceledException)
        {
            // The member stops.
        }
    }

    /// <summary>Brings all changes so far to the watchers.</summary>
    public void Dispatch()
    {
        while (!_queue.IsEmpty)
        {
            lock (_lock)
            {
                DispatchSome(64);
            }
        }
    }

    /// <summary>The value that a key had before an event; null if there was none or it is compacted.</summary>
    public Protocol.KeyValues.KeyValue? PreviousOf(WatchEvent change)
    {
        if (!change.HasPrevious || change.Revision <= 1)
        {
            return null;
        }

        try
        {
            using RangeResult result = _keyspace.Range(new Protocol.RangeRequest
            {
                Key = Google.Protobuf.ByteString.CopyFrom(change.Change.Key),
                Revision = change.Revision - 1,
            });
            return result.Rows.Count == 0 ? null : Protocol.KeyValues.KeyValue.Parser.ParseFrom(result.Rows[0].Span);
        }
        catch (Protocol.EtcdException)
        {
            return null;
        }
    }

    internal void Register(Watcher watcher)
    {
        lock (_lock)
        {
            DispatchSome(int.MaxValue);
            Interlocked.Increment(ref _watchers);
            Sync(watcher);
        }
    }

    internal void Unregister(Watcher watcher)
    {
        Interlocked.Decrement(ref _watchers);
        if (watcher.IsSynced)
        {
            _synced.Remove(watcher);
        }
    }

    internal void Close(WatchStream stream)
    {
        lock (_lock)
        {
            _streams.Remove(stream);
            foreach (Watcher watcher in stream.Watchers)
            {
                Unregister(watcher);
            }
        }
    }

    /// <summary>Everything up to this revision was brought to synced watchers; call it with the lock.</summary>
    internal long CatchUpDispatch()
    {
        DispatchSome(int.MaxValue);
        return _dispatched;
    }

    /// <summary>
    /// Reads the next part of the history for the watchers of a stream that lag. What is found is put into the stream's queue in the order of
    /// the history, at most 1000 revisions of it.
    /// </summary>
    internal void CatchUp(WatchStream stream)
    {
        List<Watcher> lagging;
        lock (_lock)
        {
            lagging = [.. stream.Watchers.Where(watcher => !watcher.IsSynced && !watcher.IsCompacted).Take(MaxWatchersInStep)];
        }

        if (lagging.Count == 0)
        {
            return;
        }

        long from = lagging.Min(watcher => watcher.Next);
        long compacted = _keyspace.CompactedRevision;
        from = Math.Max(from, compacted);
        long current = _keyspace.Revision;
        var found = new Dictionary<Watcher, List<WatchEvent>>();
        long through = Read(from, current, lagging, found);
        lock (_lock)
        {
            compacted = _keyspace.CompactedRevision;
            foreach (Watcher watcher in lagging)
            {
                if (!stream.Owns(watcher))
                {
                    continue;
                }

                if (watcher.Next < compacted)
                {
                    watcher.IsCompacted = true;
                    stream.Enqueue(new WatchOutput { WatchId = watcher.Id, Canceled = true, CompactRevision = compacted });
                    continue;
                }

                if (found.TryGetValue(watcher, out List<WatchEvent>? events))
                {
                    watcher.WasActive = true;
                    stream.Enqueue(OutputOf(watcher, current, events));
                }

                watcher.Next = Math.Max(watcher.Next, through + 1);
                Sync(watcher);
            }
        }
    }

    private long Read(long from, long current, List<Watcher> lagging, Dictionary<Watcher, List<WatchEvent>> found)
    {
        var set = new WatcherSet();
        lagging.ForEach(set.Add);
        var matching = new List<Watcher>();
        long last = 0, through = current;
        int revisions = 0;
        _keyspace.VisitHistory(from, (main, sub, isTombstone, row) =>
        {
            if (main > current)
            {
                return false;
            }

            if (main != last)
            {
                if (++revisions > MaxRevisionsInStep)
                {
                    through = last;
                    return false;
                }

                last = main;
            }

            RowParts parts = RowCodec.Decode(row);
            if (parts.Key.Length == 0)
            {
                return true;
            }

            byte[] key = parts.Key.ToArray();
            matching.Clear();
            set.Find(key, matching);
            WatchEvent? made = null;
            foreach (Watcher watcher in matching)
            {
                if (main < watcher.Next)
                {
                    continue;
                }

                made ??= new WatchEvent(new Change(key, isTombstone ? null : row.ToArray(), parts.Created), main);
                if (watcher.Wants(made.Change))
                {
                    if (!found.TryGetValue(watcher, out List<WatchEvent>? events))
                    {
                        found[watcher] = events = [];
                    }

                    events.Add(made);
                }
            }

            return true;
        });
        return through;
    }

    private void Append(long revision, IReadOnlyList<Change> changes)
    {
        _queue.Enqueue((revision, changes));
        if (Volatile.Read(ref _watchers) > 0 || _queue.Count > LongQueue)
        {
            _signal.Writer.TryWrite(true);
        }
    }

    private void DispatchSome(int revisions)
    {
        for (; revisions > 0 && _queue.TryDequeue(out (long Revision, IReadOnlyList<Change> Changes) next); revisions--)
        {
            _dispatched = next.Revision;
            if (_synced.Count > 0)
            {
                Dispatch(next.Revision, next.Changes);
            }
        }
    }

    private void Dispatch(long revision, IReadOnlyList<Change> changes)
    {
        Dictionary<Watcher, List<WatchEvent>>? several = changes.Count > 1 ? [] : null;
        foreach (Change change in changes)
        {
            _found.Clear();
            _synced.Find(change.Key, _found);
            if (_found.Count == 0)
            {
                continue;
            }

            var made = new WatchEvent(change, revision);
            IReadOnlyList<WatchEvent>? single = several is null ? [made] : null;
            foreach (Watcher watcher in _found)
            {
                if (revision < watcher.Next || !watcher.Wants(change))
                {
                    continue;
                }

                if (single is not null)
                {
                    Deliver(watcher, revision, single);
                }
                else if (several!.TryGetValue(watcher, out List<WatchEvent>? events))
                {
                    events.Add(made);
                }
                else
                {
                    several[watcher] = [made];
                }
            }
        }

        foreach ((Watcher watcher, List<WatchEvent> events) in several ?? [])
        {
            Deliver(watcher, revision, events);
        }
    }

    private void Deliver(Watcher watcher, long revision, IReadOnlyList<WatchEvent> events)
    {
        if (watcher.Stream.IsFull)
        {
            // It is set aside, and catches up from the store when the client has taken what is queued.
            watcher.Next = Math.Max(watcher.Next, revision);
            watcher.IsSynced = false;
            _synced.Remove(watcher);
            watcher.Stream.Signal();
            return;
        }

        watcher.Next = revision + 1;
        watcher.WasActive = true;
        watcher.Stream.Enqueue(OutputOf(watcher, revision, events));
    }

    private static WatchOutput OutputOf(Watcher watcher, long revision, IReadOnlyList<WatchEvent> events) => new()
    {
        WatchId = watcher.Id,
        Revision = revision,
        Events = events,
        WithPrevious = watcher.WithPrevious,
        MayFragment = watcher.MayFragment,
    };

    private void Sync(Watcher watcher)
    {
        if (watcher.Next > _dispatched && !watcher.IsSynced)
        {
            watcher.IsSynced = true;
            _synced.Add(watcher);
        }
        else if (!watcher.IsSynced)
        {
            watcher.Stream.Signal();
        }
    }

    /// <summary>The store is another one: everybody goes on from where they were.</summary>
    private void StartOver()
    {
        lock (_lock)
        {
            _queue.Clear();
            _dispatched = _keyspace.Revision;
            foreach (WatchStream stream in _streams)
            {
                foreach (Watcher watcher in stream.Watchers)
                {
                    if (watcher.IsSynced && watcher.Next <= _dispatched)
                    {
                        watcher.IsSynced = false;
                        _synced.Remove(watcher);
                    }
                }

                stream.Signal();
            }
        }
    }
}
