namespace Quorate.Client;

/// <summary>An alarm of a member.</summary>
/// <param name="Kind">1: out of space, 2: its data differ from those of the others (spec 03 §5).</param>
public sealed record ActiveAlarm(ulong MemberId, int Kind);
