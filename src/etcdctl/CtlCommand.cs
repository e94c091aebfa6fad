using Quorate.CommandLine;

namespace Quorate.Etcdctl;

/// <summary>A command: its words, what it takes, and what it does.</summary>
/// <param name="Path">Such as "member add".</param>
/// <param name="Usage">What follows the words.</param>
/// <param name="Example">A line that one could type.</param>
internal sealed record CtlCommand(string Path, string Usage, string Description, string Example, Action<FlagSet> Flags,
    Func<CtlContext, Task<int>> Run)
{
    public string[] Words { get; } = Path.Split(' ');
}
