using Quorate.Mvcc.Backing;
using Quorate.Storage.Wal;

namespace Quorate.Server.Replication;

/// <summary>Commits the database while the applier goes on, and removes old files now and then.</summary>
internal sealed class Committer : Worker
{
    private static readonly TimeSpan s_purgeInterval = TimeSpan.FromSeconds(30);

    private readonly Backend _backend;
    private readonly SnapshotFiles _snapshots;
    private readonly MemberOptions _options;
    private readonly MemberLog _log;
    private Action[]? _request;
    private long _lastPurge;
    private bool _hasPurged;

    public Committer(Backend backend, SnapshotFiles snapshots, MemberOptions options, MemberLog log)
        : base("committer")
    {
        _backend = backend;
        _snapshots = snapshots;
        _options = options;
        _log = log;
    }

    /// <summary>Called when the commit that was asked for is done.</summary>
    public Action? Committed { get; set; }

    /// <summary>Nothing is being committed, and nothing is asked for.</summary>
    public bool IsIdle => Volatile.Read(ref _request) is null;

    /// <summary>Commits what was frozen, then runs what needs the committed state as it is then. The committer must be idle.</summary>
    public void Begin(Action[] afterwards)
    {
        Volatile.Write(ref _request, afterwards);
        Wake();
    }

    /// <summary>Does what was asked for; for a clean end.</summary>
    public void Finish() => CommitRequested();

    protected override TimeSpan DueIn => _hasPurged ? s_purgeInterval - _options.Time.GetElapsedTime(_lastPurge) : TimeSpan.Zero;

    protected override void Work()
    {
        CommitRequested();
        if (DueIn <= TimeSpan.Zero)
        {
            _hasPurged = true;
            _lastPurge = _options.Time.GetTimestamp();
            Purge();
        }
    }

    private void CommitRequested()
    {
        if (Volatile.Read(ref _request) is { } afterwards)
        {
            _backend.CommitFrozen();
            foreach (Action action in afterwards)
            {
                action();
            }

            Volatile.Write(ref _request, null);
            Committed?.Invoke();
        }
    }

    private void Purge()
    {
        try
        {
            IEnumerable<string> purged = [];
            if (_options.MaxSnapshots > 0)
            {
                purged = _snapshots.Purge(_options.MaxSnapshots);
            }

            if (_options.MaxWals > 0)
            {
                purged = purged.Concat(WriteAheadLog.Purge(_options.Files, _options.LogDirectory, _options.MaxWals));
            }

            foreach (string path in purged)
            {
                _log.Info("purged", ("path", path));
            }
        }
        catch (IOException error)
        {
            // What could not be removed now may be later.
            _log.Warn("failed to purge files", ("error", error.Message));
        }
    }
}
