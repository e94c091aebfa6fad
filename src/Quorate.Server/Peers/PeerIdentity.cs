namespace Quorate.Server.Peers;

/// <summary>Who this member says that it is.</summary>
public sealed record PeerIdentity(ulong Id, ulong ClusterId, string Version, IReadOnlyList<string> PeerUrls);
