namespace Quorate.Storage.Schema;

/// <summary>The names of etcd's buckets (spec 05 §5).</summary>
public static class Buckets
{
    public static readonly byte[] Key = [.. "key"u8];
    public static readonly byte[] Meta = [.. "meta"u8];
    public static readonly byte[] Lease = [.. "lease"u8];
    public static readonly byte[] Alarm = [.. "alarm"u8];
    public static readonly byte[] Auth = [.. "auth"u8];
    public static readonly byte[] AuthUsers = [.. "authUsers"u8];
    public static readonly byte[] AuthRoles = [.. "authRoles"u8];
    public static readonly byte[] Members = [.. "members"u8];
    public static readonly byte[] MembersRemoved = [.. "members_removed"u8];
    public static readonly byte[] Cluster = [.. "cluster"u8];

    /// <summary>All of them: they are made, empty, at every start.</summary>
    public static IReadOnlyList<byte[]> All { get; } =
        [Key, Meta, Lease, Alarm, Auth, AuthUsers, AuthRoles, Members, MembersRemoved, Cluster];
}
