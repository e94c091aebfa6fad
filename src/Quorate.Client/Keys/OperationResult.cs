namespace Quorate.Client;

/// <summary>What a step of a transaction did.</summary>
/// <param name="Pairs">The pairs read; of a put or a deletion those before it, if they were asked for.</param>
/// <param name="Count">How many pairs the range held, were deleted, or 1 for a put.</param>
/// <param name="Inner">Of a transaction inside, what it did.</param>
public sealed record OperationResult(IReadOnlyList<KeyValuePair> Pairs, long Count, TransactionResult? Inner = null);
