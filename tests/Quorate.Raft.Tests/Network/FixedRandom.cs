namespace Quorate.Raft.Tests.Network;

/// <summary>Election timeouts as a script wants them.</summary>
public sealed class FixedRandom : Random
{
    public int Value { get; set; }

    public override int Next(int maxValue) => Math.Min(Value, maxValue - 1);
}
