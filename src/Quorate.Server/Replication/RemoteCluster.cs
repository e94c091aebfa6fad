using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>A cluster as another member tells of it.</summary>
public sealed record RemoteCluster(ulong ClusterId, IReadOnlyList<ClusterMember> Members);
