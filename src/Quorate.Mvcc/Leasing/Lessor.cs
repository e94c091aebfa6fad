using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Protocol.Leases;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc.Leasing;

/// <summary>
/// The leases (spec 02 §11). Which there are is replicated; when they expire is the leader's business alone, by its own clock, and begins
/// anew with each leadership. Safe for several threads.
/// </summary>
public sealed class Lessor : IKeyLeases
{
    /// <summary>Seconds; more is refused.</summary>
    public const long MaxTtl = 9_000_000_000;

    private const int ManyLeases = 1000, MaxExpiriesInSecond = 750;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, LeaseState> _leases = [];
    private readonly Dictionary<byte[], long> _leaseByKey = new(ByteOrder.Instance);
    private readonly PriorityQueue<long, DateTimeOffset> _expiries = new();
    private readonly TimeProvider _time;
    private readonly long _start;
    private Backend _backend;
    private int _keyCount;
    private bool _isPrimary;

    /// <param name="minTtl">Seconds; less is raised to it (1.5 election timeouts).</param>
    public Lessor(Backend backend, TimeProvider time, long minTtl)
    {
        _backend = backend;
        _time = time;
        _start = time.GetTimestamp();
        MinTtl = minTtl;
        Load();
    }

    public long MinTtl { get; }

    /// <summary>Whether remaining times of checkpoints are stored (spec 02 §11.3).</summary>
    public bool StoresCheckpoints { get; set; }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _leases.Count;
            }
        }
    }

    /// <summary>Whether this member expires leases now.</summary>
    public bool IsPrimary
    {
        get
        {
            lock (_lock)
            {
                return _isPrimary;
            }
        }
    }

    /// <summary>Applies a grant; returns the time to live that is in force.</summary>
    public long Grant(long id, long ttl)
    {
        if (ttl > MaxTtl)
        {
            throw EtcdErrors.LeaseTtlTooLarge;
        }

        lock (_lock)
        {
            if (id == 0 || _leases.ContainsKey(id))
            {
                throw EtcdErrors.LeaseExists;
            }

            var lease = new LeaseState(id, Math.Max(ttl, MinTtl));
            _leases[id] = lease;
            if (_isPrimary)
            {
                Schedule(lease, Now.AddSeconds(lease.Ttl));
            }

            Store(lease);
            return lease.Ttl;
        }
    }

    /// <summary>Applies the end of a lease; returns its keys in order, which the keyspace is to delete.</summary>
    public IReadOnlyList<byte[]> Revoke(long id)
    {
        lock (_lock)
        {
            if (!_leases.Remove(id, out LeaseState? lease))
            {
                throw EtcdErrors.LeaseNotFound;
            }

            _backend.Delete(Buckets.Lease, MetaKeys.Encode((ulong)id));
            byte[][] keys = [.. lease.Keys.Order(ByteOrder.Instance)];
            return keys;
        }
    }

    public bool Exists(long lease)
    {
        lock (_lock)
        {
            return _leases.ContainsKey(lease);
        }
    }

    public long LeaseOf(byte[] key)
    {
        // Most keys of most stores have none.
        if (Volatile.Read(ref _keyCount) == 0)
        {
            return 0;
        }

        lock (_lock)
        {
            return _leaseByKey.GetValueOrDefault(key);
        }
    }

    public void Attach(byte[] key, long lease)
    {
        lock (_lock)
        {
            if (_leaseByKey.Remove(key, out long old) && _leases.TryGetValue(old, out LeaseState? before))
            {
                before.Keys.Remove(key);
            }

            if (lease != 0 && _leases.TryGetValue(lease, out LeaseState? after))
            {
                after.Keys.Add(key);
                _leaseByKey[key] = lease;
            }

            Volatile.Write(ref _keyCount, _leaseByKey.Count);
        }
    }

    /// <summary>
    /// Renews a lease on the leader; returns its time to live, or null if it is unknown. An expired one that is not revoked yet is told by
    /// <paramref name="isExpired"/>: it cannot be saved any more. <see cref="NotPrimaryException"/> on a member that does not lead.
    /// </summary>
    public long? Renew(long id, out bool isExpired)
    {
        lock (_lock)
        {
            isExpired = false;
            if (!_isPrimary)
            {
                throw new NotPrimaryException();
            }

            if (!_leases.TryGetValue(id, out LeaseState? lease))
            {
                return null;
            }

            DateTimeOffset now = Now;
            if (lease.Expiry <= now)
            {
                isExpired = true;
                return null;
            }

            lease.RemainingTtl = 0;
            lease.Expiry = now.AddSeconds(lease.Ttl);
            return lease.Ttl;
        }
    }

    /// <summary>What a lease is; null if it is unknown.</summary>
    public LeaseInfo? Find(long id)
    {
        lock (_lock)
        {
            if (!_leases.TryGetValue(id, out LeaseState? lease))
            {
                return null;
            }

            long remaining = lease.Expiry == DateTimeOffset.MaxValue
                ? long.MaxValue
                : (long)(lease.Expiry - Now).TotalSeconds;
            return new LeaseInfo(id, lease.Ttl, remaining, [.. lease.Keys]);
        }
    }

    /// <summary>The ids of all leases, by remaining time on the leader.</summary>
    public IReadOnlyList<long> List()
    {
        lock (_lock)
        {
            return [.. _leases.Values.OrderBy(lease => lease.Expiry).Select(lease => lease.Id)];
        }
    }

    /// <summary>
    /// This member leads now: every lease gets what it had left and the given extra time, and many do not expire all at once
    /// (spec 02 §11.3).
    /// </summary>
    public void Promote(TimeSpan extension)
    {
        lock (_lock)
        {
            _isPrimary = true;
            _expiries.Clear();
            DateTimeOffset now = Now;
            foreach (LeaseState lease in _leases.Values)
            {
                Schedule(lease, now + extension + TimeSpan.FromSeconds(lease.RemainingTtl > 0 ? lease.RemainingTtl : lease.Ttl));
            }

            if (_leases.Count < ManyLeases)
            {
                return;
            }

            DateTimeOffset second = now;
            int inSecond = 0;
            foreach (LeaseState lease in _leases.Values.OrderBy(lease => lease.Expiry).ToArray())
            {
                if (lease.Expiry >= second.AddSeconds(1))
                {
                    second = lease.Expiry;
                    inSecond = 0;
                }

                if (++inSecond > MaxExpiriesInSecond)
                {
                    second = second.AddSeconds(1);
                    inSecond = 1;
                }

                if (lease.Expiry < second)
                {
                    Schedule(lease, second);
                }
            }
        }
    }

    /// <summary>This member does not lead any more: nothing expires here.</summary>
    public void Demote()
    {
        lock (_lock)
        {
            _isPrimary = false;
            _expiries.Clear();
            foreach (LeaseState lease in _leases.Values)
            {
                lease.Expiry = DateTimeOffset.MaxValue;
            }
        }
    }

    /// <summary>Leases that are expired, at most a number of them; one that is told here is told again only after the given time.</summary>
    public IReadOnlyList<long> TakeExpired(int limit, TimeSpan again)
    {
        lock (_lock)
        {
            var expired = new List<long>();
            DateTimeOffset now = Now;
            while (_isPrimary && expired.Count < limit && _expiries.TryPeek(out long id, out DateTimeOffset at) && at <= now)
            {
                _expiries.Dequeue();
                if (!_leases.TryGetValue(id, out LeaseState? lease))
                {
                    continue;
                }

                if (lease.Expiry > now)
                {
                    // It was renewed since.
                    _expiries.Enqueue(id, lease.Expiry);
                    continue;
                }

                expired.Add(id);
                _expiries.Enqueue(id, now + again);
            }

            return expired;
        }
    }

    /// <summary>Leases with more than a time left, for a checkpoint: id and whole seconds.</summary>
    public IReadOnlyList<(long Id, long Remaining)> TakeCheckpoints(TimeSpan atLeast)
    {
        lock (_lock)
        {
            DateTimeOffset now = Now;
            return !_isPrimary
                ? []
                : [.. _leases.Values.Where(lease => lease.Ttl > atLeast.TotalSeconds && lease.Expiry > now)
                    .Select(lease => (lease.Id, (long)Math.Ceiling((lease.Expiry - now).TotalSeconds)))];
        }
    }

    /// <summary>Applies a checkpoint; an unknown lease is no error.</summary>
    public void Checkpoint(long id, long remaining)
    {
        lock (_lock)
        {
            if (_leases.TryGetValue(id, out LeaseState? lease))
            {
                lease.RemainingTtl = remaining;
                if (StoresCheckpoints)
                {
                    Store(lease);
                }
            }
        }
    }

    /// <summary>Reads all leases from the database again; keys are attached by the keyspace.</summary>
    public void Reload(Backend backend)
    {
        lock (_lock)
        {
            _backend = backend;
            _leases.Clear();
            _leaseByKey.Clear();
            _expiries.Clear();
            _keyCount = 0;
            Load();
        }
    }

    /// <summary>A clock that runs on evenly whatever the wall clock is set to.</summary>
    private DateTimeOffset Now => DateTimeOffset.UnixEpoch + _time.GetElapsedTime(_start);

    private void Load()
    {
        foreach ((_, byte[] value) in _backend.ReadAll(Buckets.Lease))
        {
            Protocol.Leases.Lease stored = Protocol.Leases.Lease.Parser.ParseFrom(value);
            _leases[stored.ID] = new LeaseState(stored.ID, Math.Max(stored.TTL, MinTtl)) { RemainingTtl = stored.RemainingTTL };
        }
    }

    private void Store(LeaseState lease) =>
        _backend.Put(Buckets.Lease, MetaKeys.Encode((ulong)lease.Id),
            new Protocol.Leases.Lease { ID = lease.Id, TTL = lease.Ttl, RemainingTTL = StoresCheckpoints ? lease.RemainingTtl : 0 }.ToByteArray());

    private void Schedule(LeaseState lease, DateTimeOffset expiry)
    {
        lease.Expiry = expiry;
        _expiries.Enqueue(lease.Id, expiry);
    }

    private sealed class LeaseState(long id, long ttl)
    {
        public long Id => id;

        public long Ttl => ttl;

        /// <summary>Seconds at the last checkpoint; 0 for none.</summary>
        public long RemainingTtl { get; set; }

        public DateTimeOffset Expiry { get; set; } = DateTimeOffset.MaxValue;

        public HashSet<byte[]> Keys { get; } = new(ByteOrder.Instance);
    }
}
