namespace Quorate.Server.Membership;

/// <summary>A cluster as one of its members tells it.</summary>
public sealed record RemoteCluster(ulong ClusterId, IReadOnlyList<ClusterMember> Members);
