using Quorate.CommandLine;

namespace Quorate.Etcdutl;

/// <summary>A command of etcdutl.</summary>
internal sealed record UtlCommand(string Path, string Usage, string Description, string Example, Action<FlagSet> Flags, Func<UtlContext, int> Run)
{
    public string[] Words { get; } = Path.Split(' ');
}
