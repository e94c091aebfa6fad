using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Quorate.Server.Membership;

/// <summary>How ids come about (spec 04 §8.1).</summary>
public static class MemberIds
{
    /// <summary>The id of a member of a new cluster.</summary>
    /// <param name="token">The cluster's token.</param>
    public static ulong OfMember(IEnumerable<string> peerUrls, string token) => Hash(string.Concat(peerUrls.Order(StringComparer.Ordinal)) + token);

    /// <summary>The id of a member that is added to a cluster.</summary>
    public static ulong OfAddedMember(IEnumerable<string> peerUrls, DateTimeOffset now) =>
        OfMember(peerUrls, now.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture));

    public static ulong OfCluster(IEnumerable<ulong> members)
    {
        ulong[] sorted = [.. members.Order()];
        var bytes = new byte[sorted.Length * sizeof(ulong)];
        for (int index = 0; index < sorted.Length; index++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(index * sizeof(ulong)), sorted[index]);
        }

        return Hash(bytes);
    }

    private static ulong Hash(string text) => Hash(Encoding.UTF8.GetBytes(text));

#pragma warning disable CA5350 // The ids of etcd are what they are; nothing secret hangs on them.
    private static ulong Hash(byte[] bytes) => BinaryPrimitives.ReadUInt64BigEndian(SHA1.HashData(bytes));
#pragma warning restore CA5350
}
