namespace Quorate.Client;

/// <summary>How a member is.</summary>
/// <param name="Version">The version of etcd whose behaviour it has.</param>
/// <param name="DatabaseSize">Bytes of its database file.</param>
/// <param name="DatabaseSizeInUse">Bytes of it that are not free.</param>
/// <param name="LeaderId">Whom it follows; 0 if there is no leader.</param>
/// <param name="AppliedIndex">How far its log is applied.</param>
/// <param name="Errors">What it complains of, such as active alarms.</param>
public sealed record MemberStatus(ulong MemberId, ulong ClusterId, string Version, long DatabaseSize, long DatabaseSizeInUse,
    ulong LeaderId,
    ulong Term, ulong Index, ulong AppliedIndex, bool IsLearner, IReadOnlyList<string> Errors)
{
    public bool IsLeader => LeaderId == MemberId;
}
