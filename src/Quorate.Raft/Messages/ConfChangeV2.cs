namespace Quorate.Raft;

/// <summary>Changes of several members at once (Ongaro's thesis §4.3; spec 08 §12.1).</summary>
public sealed record ConfChangeV2(
    ConfChangeTransition Transition, IReadOnlyList<ConfChangeSingle> Changes, ReadOnlyMemory<byte> Context)
{
    public static readonly ConfChangeV2 Leave = new(ConfChangeTransition.Auto, [], default);

    public bool LeavesJoint => Transition == ConfChangeTransition.Auto && Changes.Count == 0;

    public bool EntersJoint => Transition != ConfChangeTransition.Auto || Changes.Count > 1;

    /// <summary>Whether the joint configuration that this enters is left without another request.</summary>
    public bool LeavesByItself => Transition != ConfChangeTransition.JointExplicit;
}
