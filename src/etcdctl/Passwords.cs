namespace Quorate.Etcdctl;

/// <summary>Asks for a password without showing it; from a pipe a line is taken.</summary>
internal static class Passwords
{
    public static string Ask(string prompt)
    {
        Console.Out.Write(prompt);
        string password = Console.IsInputRedirected ? Console.In.ReadLine() ?? "" : ReadHidden();
        Console.Out.WriteLine();
        return password;
    }

    private static string ReadHidden()
    {
        var text = new System.Text.StringBuilder();
        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    return text.ToString();
                case ConsoleKey.Backspace:
                    text.Length = Math.Max(text.Length - 1, 0);
                    break;
                default:
                    text.Append(key.KeyChar);
                    break;
            }
        }
    }
}
