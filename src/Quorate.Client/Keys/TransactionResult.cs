namespace Quorate.Client;

/// <summary>What a transaction did.</summary>
/// <param name="Succeeded">The conditions held, and the steps of <see cref="EtcdTransaction.Then"/> were made; the others if
/// not.</param>
/// <param name="Revision">The revision of the store after it.</param>
/// <param name="Results">One for each step made.</param>
public sealed record TransactionResult(bool Succeeded, long Revision, IReadOnlyList<OperationResult> Results);
