using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc.Backing;

/// <summary>
/// The database of a member: changes are collected in a batch and committed together, with the index of the last log entry whose effects
/// are in it (spec 05 §5.1, §12.1). One thread, apply, changes; one, the committer, commits; readers wait for neither.
/// </summary>
public sealed class Backend : IDisposable
{
    private readonly IFileSystem _files;
    private readonly BoltOptions _options;
    private readonly Lock _commitLock = new();
    private readonly Lock _viewLock = new();
    private BoltDatabase _database;
    private BackendView _view;
    private Batch _current = new();
    private Batch? _frozen;
    private ulong _consistentIndex;
    private ulong _term;
    private int _defragmentations;

    private Backend(IFileSystem files, BoltDatabase database, BoltOptions options)
    {
        _files = files;
        _database = database;
        _options = options;
        using (BoltWriteTransaction transaction = database.BeginWrite())
        {
            foreach (byte[] name in Buckets.All)
            {
                transaction.Bucket(name);
            }

            transaction.Commit();
        }

        _view = new BackendView(database.BeginRead(), null, _current);
        _consistentIndex = MetaKeys.Decode(ReadMeta(MetaKeys.ConsistentIndex));
        _term = MetaKeys.Decode(ReadMeta(MetaKeys.Term));
    }

    public string Path => _database.Path;

    /// <summary>Bytes that the database has, by which the quota goes.</summary>
    public long Size => _database.Size;

    public long SizeInUse => _database.SizeInUse;

    /// <summary>The last log entry whose effects are all here, committed or not.</summary>
    public ulong ConsistentIndex => Volatile.Read(ref _consistentIndex);

    public ulong ConsistentTerm => Volatile.Read(ref _term);

    /// <summary>Changes that no commit has taken yet.</summary>
    public int PendingOperations => _current.Operations;

    /// <summary>Commits so far, and the time of the last one: for metrics.</summary>
    public event Action<TimeSpan>? Committed;

    public static Backend Open(IFileSystem files, string path, BoltOptions? options = null)
    {
        options ??= new BoltOptions();
        return new Backend(files, BoltDatabase.Open(files, path, options), options);
    }

    /// <summary>The effects of all entries up to this one are in the batch. The writer calls it at the end of each entry.</summary>
    public void SetConsistentIndex(ulong index, ulong term)
    {
        Volatile.Write(ref _consistentIndex, index);
        Volatile.Write(ref _term, term);
    }

    public void Put(byte[] bucket, byte[] key, byte[] value) => _current.Changes.Add((bucket, key, value));

    public void Delete(byte[] bucket, byte[] key) => _current.Changes.Add((bucket, key, null));

    /// <summary>A new row of the history.</summary>
    public void PutRow(long main, long sub, bool isTombstone, byte[] value) => _current.AddRow(main, sub, isTombstone, value);

    /// <summary>All pairs of a bucket as they are with all changes so far; for small buckets, and for the writer.</summary>
    public IReadOnlyList<(byte[] Key, byte[] Value)> ReadAll(byte[] bucket)
    {
        var pairs = new SortedDictionary<byte[], byte[]>(ByteOrder.Instance);
        BackendView view = AcquireView();
        try
        {
            if (view.Committed.Bucket(bucket) is { } committed)
            {
                BoltCursor cursor = committed.Cursor();
                for (bool more = cursor.First(); more; more = cursor.Next())
                {
                    pairs[cursor.Key.ToArray()] = cursor.Value.ToArray();
                }
            }

            foreach (Batch? batch in (Batch?[])[view.Committing, view.Current])
            {
                foreach ((byte[] of, byte[] key, byte[]? value) in batch?.Changes ?? [])
                {
                    if (of.AsSpan().SequenceEqual(bucket))
                    {
                        if (value is null)
                        {
                            pairs.Remove(key);
                        }
                        else
                        {
                            pairs[key] = value;
                        }
                    }
                }
            }
        }
        finally
        {
            view.Release();
        }

        return [.. pairs.Select(pair => (pair.Key, pair.Value))];
    }

    /// <summary>A value of the bucket "meta" as it is committed; empty if there is none.</summary>
    public byte[] ReadMeta(byte[] key)
    {
        BackendView view = AcquireView();
        try
        {
            return view.Committed.Bucket(Buckets.Meta) is { } meta && meta.TryGet(key, out ReadOnlySpan<byte> value) ? value.ToArray() : [];
        }
        finally
        {
            view.Release();
        }
    }

    /// <summary>
    /// Ends the batch, so that <see cref="CommitFrozen"/> may commit it while the writer goes on in a new one. The writer calls it between two
    /// entries; false if there is nothing to commit, or the one before is not done yet.
    /// </summary>
    public bool Freeze()
    {
        if (_current.Operations == 0 || Volatile.Read(ref _frozen) is not null)
        {
            return false;
        }

        Batch batch = _current;
        if (_consistentIndex > 0)
        {
            Put(Buckets.Meta, MetaKeys.ConsistentIndex, MetaKeys.Encode(_consistentIndex));
            if (_term > 0)
            {
                Put(Buckets.Meta, MetaKeys.Term, MetaKeys.Encode(_term));
            }
        }

        batch.IsFrozen = true;
        _current = new Batch();
        lock (_viewLock)
        {
            // The same committed state: the new view takes over its own read transaction of it.
            Publish(new BackendView(_database.BeginRead(), batch, _current));
        }

        Volatile.Write(ref _frozen, batch);
        return true;
    }

    /// <summary>Commits the frozen batch, if there is one. The committer calls it.</summary>
    public void CommitFrozen()
    {
        lock (_commitLock)
        {
            if (Volatile.Read(ref _frozen) is not { } batch)
            {
                return;
            }

            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            using (BoltWriteTransaction transaction = _database.BeginWrite())
            {
                Write(batch, transaction);
                transaction.Commit();
            }

            lock (_viewLock)
            {
                Publish(new BackendView(_database.BeginRead(), null, _view.Current));
            }

            Volatile.Write(ref _frozen, null);
            Committed?.Invoke(System.Diagnostics.Stopwatch.GetElapsedTime(start));
        }
    }

    /// <summary>Commits all changes so far before it returns. The writer calls it between two entries.</summary>
    public void Commit()
    {
        CommitFrozen();
        if (_current.Operations == 0 && _consistentIndex > 0
            && MetaKeys.Decode(ReadMeta(MetaKeys.ConsistentIndex)) != _consistentIndex)
        {
            Put(Buckets.Meta, MetaKeys.ConsistentIndex, MetaKeys.Encode(_consistentIndex));
        }

        if (Freeze())
        {
            CommitFrozen();
        }
    }

    /// <summary>A copy of the committed state, for a snapshot; writing goes on meanwhile.</summary>
    public BoltReadTransaction BeginCopy() => _database.BeginRead();

    /// <summary>
    /// Copies the database into a new, dense file and takes that in its place. The writer waits for nothing but its own next commit; changes
    /// go on being collected meanwhile (spec 05 §12.3).
    /// </summary>
    public void Defragment()
    {
        lock (_commitLock)
        {
            string target = $"{Path}.tmp.{++_defragmentations}";
            if (_files.FileExists(target))
            {
                _files.Delete(target);
            }

            try
            {
                using BoltDatabase dense = BoltDatabase.Open(_files, target, _options with { InitialMapSize = 1 << 30 });
                CopyAll(dense);
            }
            catch
            {
                _files.Delete(target);
                throw;
            }

            _files.Move(target, Path);
            _files.SyncDirectory(System.IO.Path.GetDirectoryName(Path) is { Length: > 0 } parent ? parent : ".");
            Reopen();
        }
    }

    /// <summary>
    /// Takes another database file in the place of this one: a received snapshot. Nothing may be pending; readers of before go on with what
    /// they had.
    /// </summary>
    public void Replace(string path)
    {
        lock (_commitLock)
        {
            _files.Move(path, Path);
            _files.SyncDirectory(System.IO.Path.GetDirectoryName(Path) is { Length: > 0 } parent ? parent : ".");
            _frozen = null;
            _current = new Batch();
            Reopen();
            _consistentIndex = MetaKeys.Decode(ReadMeta(MetaKeys.ConsistentIndex));
            _term = MetaKeys.Decode(ReadMeta(MetaKeys.Term));
        }
    }

    public void Dispose()
    {
        lock (_viewLock)
        {
            _view.Release();
        }

        _database.Dispose();
    }

    internal BackendView AcquireView()
    {
        while (true)
        {
            BackendView view = Volatile.Read(ref _view);
            if (view.TryAcquire())
            {
                return view;
            }
        }
    }

    private void Reopen()
    {
        BoltDatabase old = _database;
        _database = BoltDatabase.Open(_files, old.Path, _options);
        lock (_viewLock)
        {
            Publish(new BackendView(_database.BeginRead(), Volatile.Read(ref _frozen), _current));
        }

        old.DisposeWhenUnused();
    }

    private void Publish(BackendView view)
    {
        BackendView old = _view;
        Volatile.Write(ref _view, view);
        old.Release();
    }

    private void CopyAll(BoltDatabase target)
    {
        const int PairsInCommit = 10_000;
        using BoltReadTransaction source = _database.BeginRead();
        foreach (byte[] name in source.BucketNames())
        {
            BoltCursor cursor = source.Bucket(name)!.Cursor();
            bool more = cursor.First();
            do
            {
                using BoltWriteTransaction transaction = target.BeginWrite();
                BoltWriteBucket bucket = transaction.Bucket(name);
                bucket.FillPercent = 0.9;
                for (int count = 0; more && count < PairsInCommit; count++, more = cursor.Next())
                {
                    bucket.Put(cursor.Key.ToArray(), cursor.Value.ToArray());
                }

                transaction.Commit();
            }
            while (more);
        }
    }

    private static void Write(Batch batch, BoltWriteTransaction transaction)
    {
        BoltWriteBucket rows = transaction.Bucket(Buckets.Key);

        // Revisions only grow: pages of them are never inserted into.
        rows.FillPercent = 0.9;
        foreach (Batch.PendingRow row in batch.Rows)
        {
            rows.Put(row.Key, row.Value);
        }

        foreach ((byte[] bucket, byte[] key, byte[]? value) in batch.Changes)
        {
            if (value is null)
            {
                transaction.Bucket(bucket).Delete(key);
            }
            else
            {
                transaction.Bucket(bucket).Put(key, value);
            }
        }
    }
}
