namespace Quorate.CommandLine;

/// <summary>The exit codes of the command lines (spec 07 §4.1).</summary>
public static class ExitCodes
{
    public const int Success = 0;
    public const int Error = 1;
    public const int BadConnection = 2;
    public const int InvalidInput = 3;
    public const int BadFeature = 4;
    public const int Interrupted = 5;
    public const int BadArguments = 128;
}
