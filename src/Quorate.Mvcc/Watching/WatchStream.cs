using System.Threading.Channels;
using Quorate.Protocol;

namespace Quorate.Mvcc.Watching;

/// <summary>
/// The watches of one client stream and what is to be sent to it. Requests and <see cref="ReadAsync"/> may be on two threads; only one may
/// read. The reader itself reads the history for watchers that lag, so that a slow one costs nobody else anything.
/// </summary>
public sealed class WatchStream : IDisposable
{
    private const int MaxQueued = 128;

    private readonly WatchHub _hub;
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<long, Watcher> _watchers = [];
    private readonly Queue<WatchOutput> _output = [];
    private long _nextId;
    private bool _isClosed;

    internal WatchStream(WatchHub hub) => _hub = hub;

    internal IEnumerable<Watcher> Watchers => _watchers.Values;

    internal bool IsFull => _output.Count >= MaxQueued;

    /// <summary>Number of watches, those included that were ended by compaction.</summary>
    public int Count
    {
        get
        {
            lock (_hub.Lock)
            {
                return _watchers.Count;
            }
        }
    }

    /// <summary>Begins a watch, or refuses it; either way one answer says so (spec 02 §7.1).</summary>
    public void Create(WatchCreateRequest request)
    {
        byte[] key = request.Key.IsEmpty ? [0] : request.Key.ToByteArray();
        byte[] end = request.RangeEnd.ToByteArray();
        if (end.Length > 0 && end is not [0] && key.AsSpan().SequenceCompareTo(end) >= 0)
        {
            Refuse("mvcc: watcher range is empty");
            return;
        }

        if (request.StartRevision < 0)
        {
            Refuse("etcdserver: mvcc: required revision has been compacted");
            return;
        }

        lock (_hub.Lock)
        {
            long id = request.WatchId;
            if (id == 0)
            {
                while (_watchers.ContainsKey(_nextId))
                {
                    _nextId++;
                }

                id = _nextId++;
            }
            else if (_watchers.ContainsKey(id))
            {
                Refuse("mvcc: duplicate watch ID provided on the WatchStream");
                return;
            }

            long current = _hub.Keyspace.Revision;
            var watcher = new Watcher(this, id, new KeyRange(key, end))
            {
                SkipsPuts = request.Filters.Contains(WatchCreateRequest.Types.FilterType.Noput),
                SkipsDeletes = request.Filters.Contains(WatchCreateRequest.Types.FilterType.Nodelete),
                WithPrevious = request.PrevKv,
                MayFragment = request.Fragment,
                NotifiesProgress = request.ProgressNotify,
                Next = request.StartRevision > 0 ? request.StartRevision : current + 1,
            };
            Enqueue(new WatchOutput { WatchId = id, Revision = current, Created = true });
            _watchers[id] = watcher;
            _hub.Register(watcher);
        }
    }

    /// <summary>Answers that a watch is refused, with the reason.</summary>
    public void Refuse(string reason)
    {
        lock (_hub.Lock)
        {
            Enqueue(new WatchOutput
            {
                WatchId = -1,
                Revision = _hub.Keyspace.Revision,
                Created = true,
                Canceled = true,
                CancelReason = reason,
            });
        }
    }

    /// <summary>Ends a watch; there is no answer for an id that is not known.</summary>
    public void Cancel(long id)
    {
        lock (_hub.Lock)
        {
            if (_watchers.Remove(id, out Watcher? watcher))
            {
                _hub.Unregister(watcher);
                Enqueue(new WatchOutput { WatchId = id, Revision = _hub.Keyspace.Revision, Canceled = true });
            }
        }
    }

    /// <summary>Answers up to which revision everything was sent, if that can be said now; else there is no answer (spec 02 §7.5).</summary>
    public void RequestProgress()
    {
        lock (_hub.Lock)
        {
            long revision = _hub.CatchUpDispatch();
            if (_watchers.Count > 0 && _watchers.Values.All(watcher => watcher.IsSynced && watcher.Next <= revision + 1))
            {
                Enqueue(new WatchOutput { WatchId = -1, Revision = revision });
            }
        }
    }

    /// <summary>Answers for each watch that asked for it and got nothing since the last time.</summary>
    public void NotifyProgress()
    {
        lock (_hub.Lock)
        {
            long revision = _hub.CatchUpDispatch();
            foreach (Watcher watcher in _watchers.Values)
            {
                if (watcher.NotifiesProgress && watcher.IsSynced && !watcher.WasActive && watcher.Next <= revision + 1)
                {
                    Enqueue(new WatchOutput { WatchId = watcher.Id, Revision = revision });
                }

                watcher.WasActive = false;
            }
        }
    }

    /// <summary>The next answer; null when there is none now.</summary>
    public WatchOutput? TryRead()
    {
        for (int attempt = 0; attempt < 2; attempt++)
        {
            lock (_hub.Lock)
            {
                if (_output.TryDequeue(out WatchOutput? output))
                {
                    return output;
                }
            }

            _hub.CatchUp(this);
        }

        return null;
    }

    /// <summary>Waits for the next answer; null when the stream was closed.</summary>
    public async ValueTask<WatchOutput?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (TryRead() is { } output)
            {
                return output;
            }

            lock (_hub.Lock)
            {
                if (_isClosed)
                {
                    return null;
                }

                if (_watchers.Values.Any(watcher => !watcher.IsSynced && !watcher.IsCompacted))
                {
                    // More of the history is to be read.
                    continue;
                }
            }

            await _signal.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _hub.Close(this);
        lock (_hub.Lock)
        {
            _isClosed = true;
        }

        Signal();
    }

    internal bool Owns(Watcher watcher) => _watchers.TryGetValue(watcher.Id, out Watcher? own) && ReferenceEquals(own, watcher);

    internal void Enqueue(WatchOutput output)
    {
        _output.Enqueue(output);
        Signal();
    }

    internal void Signal() => _signal.Writer.TryWrite(true);
}
