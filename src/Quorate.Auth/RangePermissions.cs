using Quorate.Mvcc;
using Quorate.Protocol.Authentication;

namespace Quorate.Auth;

/// <summary>What a user may read and write: the union of the ranges of all his roles, joined where they touch (spec 03 §6.6).</summary>
internal sealed class RangePermissions
{
    private readonly List<(byte[] Start, byte[]? Below)> _read;
    private readonly List<(byte[] Start, byte[]? Below)> _write;

    public RangePermissions(IEnumerable<Role> roles)
    {
        Permission[] all = [.. roles.SelectMany(role => role.KeyPermission)];
        _read = Join(all.Where(permission => permission.PermType != Permission.Types.Type.Write));
        _write = Join(all.Where(permission => permission.PermType != Permission.Types.Type.Read));
    }

    public bool MayRead(KeyRange range) => Covers(_read, range);

    public bool MayWrite(KeyRange range) => Covers(_write, range);

    private static bool Covers(List<(byte[] Start, byte[]? Below)> ranges, KeyRange wanted)
    {
        byte[]? below = wanted.IsSingleKey ? After(wanted.Start) : wanted.Below;
        foreach ((byte[] start, byte[]? end) in ranges)
        {
            if (start.AsSpan().SequenceCompareTo(wanted.Start) <= 0 && (end is null || (below is not null && below.AsSpan().SequenceCompareTo(end) <= 0)))
            {
                return true;
            }
        }

        return false;
    }

    private static List<(byte[] Start, byte[]? Below)> Join(IEnumerable<Permission> permissions)
    {
        var joined = new List<(byte[] Start, byte[]? Below)>();
        IEnumerable<(byte[] Start, byte[]? Below)> sorted = permissions
            .Select(permission =>
            {
                byte[] key = permission.Key.ToByteArray(), end = permission.RangeEnd.ToByteArray();
                return (Start: key, Below: end.Length == 0 ? After(key) : end is [0] ? null : end);
            })
            .OrderBy(range => range.Start, Mvcc.Backing.ByteOrder.Instance);
        foreach ((byte[] start, byte[]? below) in sorted)
        {
            if (joined.Count > 0 && (joined[^1].Below is null || start.AsSpan().SequenceCompareTo(joined[^1].Below) <= 0))
            {
                if (joined[^1].Below is not null && (below is null || below.AsSpan().SequenceCompareTo(joined[^1].Below) > 0))
                {
                    joined[^1] = (joined[^1].Start, below);
                }
            }
            else
            {
                joined.Add((start, below));
            }
        }

        return joined;
    }

    /// <summary>The first key behind a key.</summary>
    private static byte[] After(byte[] key) => [.. key, 0];
}
