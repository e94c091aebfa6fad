namespace Quorate.Mvcc.Leasing;

/// <summary>What a lease is at a moment.</summary>
/// <param name="GrantedTtl">Seconds.</param>
/// <param name="RemainingTtl">Whole seconds left; 0 or less for one that is expired and not revoked yet.</param>
public sealed record LeaseInfo(long Id, long GrantedTtl, long RemainingTtl, IReadOnlyList<byte[]> Keys);
