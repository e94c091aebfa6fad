using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>
/// Steps that are made together at one revision, if conditions hold, and others if they do not:
/// <c>new EtcdTransaction().If(Condition.IsMissing("k")).Then(Operation.Put("k", "v")).Else(Operation.Get("k"))</c>.
/// Immutable: each call gives a longer transaction.
/// </summary>
public sealed record EtcdTransaction
{
    public IReadOnlyList<Condition> Conditions { get; private init; } = [];

    public IReadOnlyList<Operation> ThenSteps { get; private init; } = [];

    public IReadOnlyList<Operation> ElseSteps { get; private init; } = [];

    internal bool IsRead => ThenSteps.Concat(ElseSteps).All(step => step.IsRead);

    /// <summary>All conditions must hold.</summary>
    public EtcdTransaction If(params ReadOnlySpan<Condition> conditions) =>
        this with { Conditions = [.. Conditions, .. conditions] };

    public EtcdTransaction Then(params ReadOnlySpan<Operation> steps) => this with { ThenSteps = [.. ThenSteps, .. steps] };

    public EtcdTransaction Else(params ReadOnlySpan<Operation> steps) => this with { ElseSteps = [.. ElseSteps, .. steps] };

    internal TxnRequest ToRequest()
    {
        var request = new TxnRequest();
        request.Compare.AddRange(Conditions.Select(condition => condition.Wire));
        request.Success.AddRange(ThenSteps.Select(step => step.Wire));
        request.Failure.AddRange(ElseSteps.Select(step => step.Wire));
        return request;
    }
}
