using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Indexing;
using Quorate.Protocol;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc;

/// <summary>
/// The revisioned keyspace of a member (spec 02). One thread, apply, changes it; readers take an immutable view and wait for nothing.
/// </summary>
public sealed partial class Keyspace
{
    private readonly Backend _backend;
    private readonly IKeyLeases _leases;
    private KeyIndex _index = new();
    private long _revision = 1;
    private long _compacted = -1;
    private int _sub;
    private List<Change> _changes = [];

    /// <param name="leases">Loaded before: keys are attached to them here.</param>
    public Keyspace(Backend backend, IKeyLeases leases)
    {
        _backend = backend;
        _leases = leases;
        Restore();
    }

    /// <summary>The revision of the last change; 1 for an empty store.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>The revision of the last compaction; -1 if there was none.</summary>
    public long CompactedRevision => Volatile.Read(ref _compacted);

    /// <summary>Keys in the index, those included that are deleted and not compacted yet.</summary>
    public int KeyCount => _index.Count;

    /// <summary>Takes the changes of each revision in order, on the thread that made them.</summary>
    public event Action<long, IReadOnlyList<Change>>? Changed;

    /// <summary>Called on the applying thread after the store was replaced as a whole by a snapshot.</summary>
    public event Action? Replaced;

    /// <summary>Applies a put whose lease and options were found valid for the state before (<see cref="CheckPut"/>).</summary>
    public PutResponse Put(PutRequest request)
    {
        CheckPut(request);
        PutResponse response = PutCore(request);
        End();
        response.Header = new ResponseHeader { Revision = _revision };
        return response;
    }

    public DeleteRangeResponse DeleteRange(DeleteRangeRequest request)
    {
        DeleteRangeResponse response = DeleteCore(request);
        End();
        response.Header = new ResponseHeader { Revision = _revision };
        return response;
    }

    /// <summary>Deletes keys by name in one revision: those of a lease.</summary>
    public void DeleteKeys(IEnumerable<byte[]> keys)
    {
        foreach (byte[] key in keys)
        {
            if (_index.Working.Find(key) is { IsLive: true } history)
            {
                Delete(history);
            }
        }

        End();
    }

    /// <summary>Reads the index from the database again, after it was replaced.</summary>
    public void Reload()
    {
        _index = new KeyIndex();
        DropCompactionHash();
        Volatile.Write(ref _compactionHashes, []);
        Restore();
        Replaced?.Invoke();
    }

    private long NextRevision => _revision + 1;

    /// <summary>What a read inside of the change that goes on sees.</summary>
    private long ReadRevision => _sub > 0 ? NextRevision : _revision;

    /// <summary>The errors of a put that depend on the state (spec 02 §4).</summary>
    private void CheckPut(PutRequest request)
    {
        if (request.Lease != 0 && !_leases.Exists(request.Lease))
        {
            throw EtcdErrors.LeaseNotFound;
        }

        if ((request.IgnoreValue || request.IgnoreLease) && _index.Working.Find(request.Key.Span) is not { IsLive: true })
        {
            throw EtcdErrors.KeyNotFound;
        }
    }

    private PutResponse PutCore(PutRequest request)
    {
        byte[] key = request.Key.ToByteArray();
        KeyHistory history = _index.GetOrAdd(key);
        var response = new PutResponse();
        ReadOnlySpan<byte> value = request.Value.Span;
        long lease = request.Lease, oldLease = _leases.LeaseOf(history.Key);
        Row previous = default;
        if ((request.PrevKv || request.IgnoreValue) && history.IsLive)
        {
            previous = WorkingRow(history.Newest);
            if (request.PrevKv)
            {
                response.PrevKv = Protocol.KeyValues.KeyValue.Parser.ParseFrom(previous.Span);
            }

            if (request.IgnoreValue)
            {
                value = RowCodec.Decode(previous.Span).Value;
            }
        }

        if (request.IgnoreLease)
        {
            lease = oldLease;
        }

        long main = NextRevision;
        bool isLive = history.IsLive;
        long created = isLive ? history.Created : main;
        long version = isLive ? history.Version + 1 : 1;
        byte[] row = RowCodec.Encode(history.Key, created, main, version, value, lease);
        _backend.PutRow(main, _sub, isTombstone: false, row);
        history.Add(new Revision(main, _sub, false), created, version);
        _sub++;
        _changes.Add(new Change(history.Key, row, created));
        if (lease != oldLease)
        {
            _leases.Attach(history.Key, lease);
        }

        return response;
    }

    private DeleteRangeResponse DeleteCore(DeleteRangeRequest request)
    {
        var response = new DeleteRangeResponse();
        var range = new KeyRange(request.Key.ToByteArray(), request.RangeEnd.ToByteArray());
        foreach (KeyHistory history in LiveKeys(range))
        {
            if (request.PrevKv)
            {
                response.PrevKvs.Add(Protocol.KeyValues.KeyValue.Parser.ParseFrom(WorkingRow(history.Newest).Span));
            }

            Delete(history);
            response.Deleted++;
        }

        return response;
    }

    private List<KeyHistory> LiveKeys(KeyRange range)
    {
        if (range.IsSingleKey)
        {
            return _index.Working.Find(range.Start) is { IsLive: true } history ? [history] : [];
        }

        return [.. _index.Working.Range(range.Start, range.Below).Where(history => history.IsLive)];
    }

    private void Delete(KeyHistory history)
    {
        long main = NextRevision;
        _backend.PutRow(main, _sub, isTombstone: true, RowCodec.Encode(history.Key, 0, 0, 0, default, 0));
        history.Add(new Revision(main, _sub, true), 0, 0);
        _sub++;
        _changes.Add(new Change(history.Key, null, 0));
        if (_leases.LeaseOf(history.Key) != 0)
        {
            _leases.Attach(history.Key, 0);
        }
    }

    /// <summary>Ends a change: readers see it, and watchers are told.</summary>
    private void End()
    {
        if (_sub == 0)
        {
            return;
        }

        _sub = 0;
        _index.Publish();
        Volatile.Write(ref _revision, _revision + 1);
        List<Change> changes = _changes;
        _changes = [];
        Changed?.Invoke(_revision, changes);
    }

    /// <summary>A row as the writer sees it. The bytes stay where they are until the next commit at least.</summary>
    private Row WorkingRow(Revision revision)
    {
        BackendView view = _backend.AcquireView();
        try
        {
            return view.TryGetRow(revision.Main, revision.Sub, out Row row)
                ? new Row(row.Span.ToArray())
                : throw new Storage.StorageException($"{_backend.Path}: bucket key has no row of revision {revision.Main}_{revision.Sub}");
        }
        finally
        {
            view.Release();
        }
    }

    private void Restore()
    {
        long finished = DecodeCompaction(MetaKeys.FinishedCompaction), scheduled = DecodeCompaction(MetaKeys.ScheduledCompaction);
        long last = 1;
        BackendView view = _backend.AcquireView();
        try
        {
            view.VisitRows(0, (main, sub, isTombstone, value) =>
            {
                last = Math.Max(last, main);
                RowParts row = RowCodec.Decode(value);

                // A row without a key only moves the revision on: a restore with a bump makes it (spec 05 §13.3).
                if (row.Key.Length > 0)
                {
                    KeyHistory history = _index.GetOrAdd(row.Key.ToArray());
                    history.Add(new Revision(main, (int)sub, isTombstone), isTombstone ? 0 : row.Created, isTombstone ? 0 : row.Version);
                    long lease = isTombstone ? 0 : row.Lease;
                    if (_leases.LeaseOf(history.Key) != lease)
                    {
                        _leases.Attach(history.Key, lease);
                    }
                }

                return true;
            });
        }
        finally
        {
            view.Release();
        }

        _index.Publish();
        Volatile.Write(ref _revision, Math.Max(last, Math.Max(finished, scheduled)));
        Volatile.Write(ref _compacted, finished);
        _scheduled = finished;
        if (scheduled > finished)
        {
            StartCompaction(scheduled);
        }
    }

    private long DecodeCompaction(byte[] key)
    {
        byte[] value = _backend.ReadMeta(key);
        return value.Length == 0 ? -1 : RevisionKey.Decode(value).Main;
    }
}
