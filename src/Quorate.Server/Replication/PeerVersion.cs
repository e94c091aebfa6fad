namespace Quorate.Server.Replication;

/// <summary>What a member says of its versions (spec 04 §4.5).</summary>
/// <param name="Server">Such as 3.5.30.</param>
/// <param name="Cluster">Such as 3.5.0, or not_decided.</param>
public sealed record PeerVersion(string Server, string Cluster);
