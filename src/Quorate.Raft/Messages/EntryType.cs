namespace Quorate.Raft;

/// <summary>What the data of an <see cref="Entry"/> is.</summary>
public enum EntryType
{
    /// <summary>A request of the host; without data, the empty entry that a new leader begins with.</summary>
    Normal = 0,

    /// <summary>A <see cref="ConfChange"/>.</summary>
    ConfChange = 1,

    /// <summary>A <see cref="ConfChangeV2"/>; never proposed in a cluster with etcd members, which cannot apply it.</summary>
    ConfChangeV2 = 2,
}
