namespace Quorate.Client;

/// <summary>What a range held.</summary>
/// <param name="Revision">The revision of the store when it was read.</param>
/// <param name="Pairs">The pairs, in the order asked for.</param>
/// <param name="Count">How many pairs the range holds, whatever the limit.</param>
/// <param name="HasMore">The limit left some out.</param>
public sealed record RangeResult(long Revision, IReadOnlyList<KeyValuePair> Pairs, long Count, bool HasMore);
