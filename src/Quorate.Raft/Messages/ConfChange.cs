namespace Quorate.Raft;

/// <summary>
/// A change of one member, the payload of <see cref="EntryType.ConfChange"/>; the context is the host's description of the
/// member.
/// </summary>
public sealed record ConfChange(ulong Id, ConfChangeType Type, ulong NodeId, ReadOnlyMemory<byte> Context)
{
    /// <summary>The same change in the general form.</summary>
    public ConfChangeV2 ToV2() => new(ConfChangeTransition.Auto, [new ConfChangeSingle(Type, NodeId)], Context);
}
