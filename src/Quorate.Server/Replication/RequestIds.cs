namespace Quorate.Server.Replication;

/// <summary>
/// Numbers that no other request has (spec 04 §7.3): the low 16 bits of the member's id, 40 bits of the start's time in milliseconds, and a
/// count that runs over into them.
/// </summary>
internal sealed class RequestIds
{
    private const ulong LowBits = (1UL << 48) - 1;

    private readonly ulong _prefix;
    private ulong _next;

    public RequestIds(ulong member, DateTimeOffset start)
    {
        _prefix = member << 48;
        _next = ((ulong)start.ToUnixTimeMilliseconds() << 8) & LowBits;
    }

    public ulong Next() => _prefix | (Interlocked.Increment(ref _next) & LowBits);
}
