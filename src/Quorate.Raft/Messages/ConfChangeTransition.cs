namespace Quorate.Raft;

/// <summary>How a <see cref="ConfChangeV2"/> passes through a joint configuration, if it does.</summary>
public enum ConfChangeTransition
{
    Auto = 0,
    JointImplicit = 1,
    JointExplicit = 2,
}
