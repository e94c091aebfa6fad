namespace Quorate.Client;

/// <summary>A member of a cluster. One without a name has not started yet.</summary>
public sealed record MemberInfo(ulong Id, string Name, IReadOnlyList<string> PeerUrls, IReadOnlyList<string> ClientUrls,
    bool IsLearner)
{
    public bool IsStarted => Name.Length > 0;
}
