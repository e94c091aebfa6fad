namespace Quorate.Client;

/// <summary>A lease.</summary>
/// <param name="GrantedTtl">How long it lives after a renewal.</param>
/// <param name="Remaining">How long it lives yet.</param>
/// <param name="Keys">The keys attached to it, if they were asked for.</param>
public sealed record LeaseInfo(long Id, TimeSpan GrantedTtl, TimeSpan Remaining, IReadOnlyList<EtcdBytes> Keys);
