namespace Quorate.Mvcc;

/// <summary>What the keyspace needs to know of leases.</summary>
public interface IKeyLeases
{
    bool Exists(long lease);

    /// <summary>The lease that a key is attached to; 0 for none.</summary>
    long LeaseOf(byte[] key);

    /// <summary>Attaches a key to a lease, or to none; it leaves the one that it had.</summary>
    void Attach(byte[] key, long lease);
}
